/**
 * Watches over what TLS is spoken with: certificates in files and of an authority, and the key of session tickets. It
 * is in the supervisor, and tells the workers: all of them show the same, one that starts has it from the beginning.
 */
import type { Config } from '../../config.ts'
import type { Challenges, TlsMaterial } from '../../edge/tls/tls-material.ts'
import { offersTls, type TlsOptions } from '../../edge/tls/tls-options.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import { ConfigError } from '../../ground/config-error.ts'
import type { Random } from '../../ground/random.ts'
import type { CertificateFact, Note } from '../../observe/fact.ts'
import type { Log } from '../../observe/log.ts'
import { AcmeKeeper } from './acme-keeper.ts'
import { CertificateFile } from './certificate-file.ts'
import type { KnownPair } from './read-pair.ts'

export interface TlsDeskParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly recorder: { note(note: Note): void }
}

/** A certificate of ours, as alerts look at it. */
export interface OwnCertificate {
  readonly fromMs: number
  readonly untilMs: number
  /** Why its successor is not in use; null while all is well. */
  readonly trouble: string | null
}

const noChallenges: Challenges = { http: {}, alpn: [] }
/** OpenSSL's: a name, a key to sign and a key to encrypt with, 16 bytes each. */
const ticketKeyBytes = 48
/** Names of one certificate that are told. */
const namesMax = 20

type Settings = Pick<Config, 'tls' | 'stateDir'>

/** What a configuration asks for. */
interface Setup {
  readonly options: TlsOptions
  readonly files: CertificateFile[]
  readonly keeper: AcmeKeeper | null
}

export class TlsDesk implements Disposable {
  /** Who has to be told that it is another now; resolves when that is done. */
  onChange: (material: TlsMaterial) => Promise<void> = () => Promise.resolve()
  /** Others that show it, in this process. */
  readonly followers: Set<(material: TlsMaterial) => void> = new Set()
  #parts: TlsDeskParts
  #setup: Setup
  #challenges = noChallenges
  #serial = 0
  #ticketKey: string
  #isBegun = false
  #timers: Timer[] = []

  /** @throws {ConfigError} for files that cannot be used. */
  constructor(settings: Settings, parts: TlsDeskParts) {
    this.#parts = parts
    this.#ticketKey = newTicketKey(parts.random)
    this.#setup = this.#setUp(settings)
    this.#arm()
    for (const { pair } of this.#setup.files) this.#tell('loaded', pair)
    if (this.#setup.keeper?.pair) this.#tell('loaded', this.#setup.keeper.pair)
  }

  /** Workers listen: an authority finds somebody to ask. */
  begin(): void {
    this.#isBegun = true
    this.#setup.keeper?.start()
  }

  /** Null where no TLS is spoken. */
  get material(): TlsMaterial | null {
    const { options, files, keeper } = this.#setup
    if (!offersTls(options)) return null
    const pairs = [...files.map(({ pair }) => pair), ...(keeper?.pair ? [keeper.pair] : [])]
    const certificates = pairs.map(({ names, cert, key }) => ({ names, cert, key }))
    return { serial: this.#serial, certificates, ticketKey: this.#ticketKey, challenges: this.#challenges }
  }

  /** By the first name that each is for. */
  get certificates(): Readonly<Record<string, OwnCertificate>> {
    const { options, files, keeper } = this.#setup
    const known = files.map(({ pair: { names, fromMs, untilMs }, paths, trouble }) => {
      return [names[0] ?? paths.cert, { fromMs, untilMs, trouble }] as const
    })
    if (!keeper || !options.acme) return Object.fromEntries(known)
    const { fromMs, untilMs } = keeper.pair ?? { fromMs: Number.NaN, untilMs: Number.NaN }
    const issued = [options.acme.names[0] ?? '', { fromMs, untilMs, trouble: keeper.trouble }] as const
    return Object.fromEntries([...known, issued])
  }

  /**
   * Another configuration; nothing is changed when it throws. The way back is returned.
   * @throws {ConfigError}
   */
  use(settings: Settings): () => void {
    const before = this.#setup
    this.#enter(this.#setUp(settings))
    return () => this.#enter(before)
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#setup.keeper?.stop()
  }

  #setUp({ tls, stateDir }: Settings): Setup {
    const files = openFiles(tls)
    const { acme } = tls
    // One that is asked for the same goes on: an order may be under way.
    if (acme && JSON.stringify(acme) === JSON.stringify(this.#setup?.options.acme))
      return { options: tls, files, keeper: this.#setup.keeper }
    const keeper = acme
      ? new AcmeKeeper(acme, {
          ...{ clock: this.#parts.clock, random: this.#parts.random, stateDir },
          hasPlainPort: tls.redirect !== undefined,
          prove: (challenges) => this.#prove(challenges),
          onPair: (pair) => {
            this.#tell('renewed', pair)
            void this.#changed()
          },
          onFailure: (words) => this.#tell('failed', keeper?.pair ?? null, words, acme.names),
        })
      : null
    return { options: tls, files, keeper }
  }

  #enter(setup: Setup): void {
    const before = this.#setup
    this.#setup = setup
    if (before.keeper !== setup.keeper) {
      before.keeper?.stop()
      if (this.#isBegun) setup.keeper?.start()
    }
    this.#arm()
    void this.#changed()
  }

  #arm(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
    const { options } = this.#setup
    if (!offersTls(options)) return
    const { clock, random } = this.#parts
    this.#timers.push(
      clock.every(options.reloadMs, () => this.#look()),
      clock.every(options.ticketMs, () => {
        this.#ticketKey = newTicketKey(random)
        void this.#changed()
      }),
    )
  }

  #look(): void {
    let isChanged = false
    for (const file of this.#setup.files) {
      const look = file.look()
      if (look === 'changed') {
        isChanged = true
        this.#tell('renewed', file.pair)
      }
      if (look === 'broken') this.#tell('refused', file.pair, file.trouble ?? '')
    }
    if (isChanged) void this.#changed()
  }

  #prove(challenges: Challenges): Promise<void> {
    this.#challenges = challenges
    return this.#changed()
  }

  async #changed(): Promise<void> {
    this.#serial++
    const { material } = this
    if (!material) return
    for (const follow of this.followers) follow(material)
    await this.onChange(material)
  }

  /** `wanted`: the names, where there is no certificate yet. */
  #tell(state: CertificateFact['state'], pair: KnownPair | null, detail = '', wanted: readonly string[] = []): void {
    const { log, recorder } = this.#parts
    const { names = wanted, untilMs = 0, issuer = '' } = pair ?? {}
    recorder.note({ kind: 'certificate', state, names: names.slice(0, namesMax), untilMs, issuer, detail })
    const facts = { names: names.slice(0, namesMax), ...(pair && { until: new Date(untilMs).toISOString() }) }
    if (state === 'refused')
      log.error({ ...facts, detail }, 'a changed certificate cannot be used; the last good stays')
    else if (state === 'failed') log.error({ ...facts, detail }, 'a certificate was not issued; it is asked for again')
    else log.info(facts, `a certificate is ${state}`)
  }
}

/** The certificates of the configuration. @throws {ConfigError} when one cannot be used. */
export function openFiles(tls: TlsOptions): CertificateFile[] {
  return tls.certificates.map((paths, i) => {
    try {
      return new CertificateFile(paths)
    } catch (error) {
      const cure = 'Give the chain and its own key as PEM, readable by the user of the gateway.'
      const field = `tls.certificates.${i}`
      throw new ConfigError([{ place: paths.cert, field, message: (error as Error).message, cure }])
    }
  })
}

function newTicketKey(random: Random): string {
  return Buffer.from(Array.from({ length: ticketKeyBytes }, () => random.bits(8))).toString('base64')
}
