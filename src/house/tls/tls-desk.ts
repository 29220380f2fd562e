/**
 * Watches over what TLS is spoken with: certificates in files and the key of session tickets. It is in the
 * supervisor, and tells the workers: all of them show the same, and one that starts has it from the beginning.
 */
import type { Config } from '../../config.ts'
import type { CertificatePair, Challenges, TlsMaterial } from '../../edge/tls/tls-material.ts'
import { offersTls, type TlsOptions } from '../../edge/tls/tls-options.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import { ConfigError } from '../../ground/config-error.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import type { Note } from '../../observe/fact.ts'
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

export class TlsDesk implements Disposable {
  /** Who has to be told that it is another now; resolves when that is done. */
  onChange: (material: TlsMaterial) => Promise<void> = () => Promise.resolve()
  #parts: TlsDeskParts
  #files: CertificateFile[]
  #options: TlsOptions
  #serial = 0
  #ticketKey: string
  #looking: Timer | null = null
  #rotating: Timer | null = null

  /** @throws {ConfigError} for files that cannot be used. */
  constructor({ tls }: Pick<Config, 'tls'>, parts: TlsDeskParts) {
    this.#parts = parts
    this.#ticketKey = newTicketKey(parts.random)
    this.#files = openFiles(tls)
    this.#options = tls
    this.#arm()
    for (const file of this.#files) this.#tell('loaded', file.pair)
  }

  /** Null where no TLS is spoken. */
  get material(): TlsMaterial | null {
    const certificates: CertificatePair[] = this.#files.map(({ pair: { names, cert, key } }) => ({ names, cert, key }))
    if (certificates.length === 0) return null
    return { serial: this.#serial, certificates, ticketKey: this.#ticketKey, challenges: noChallenges }
  }

  /** By the first name that each is for. */
  get certificates(): Readonly<Record<string, OwnCertificate>> {
    return Object.fromEntries(
      this.#files.map(({ pair: { names, fromMs, untilMs }, paths, trouble }) => [
        names[0] ?? paths.cert,
        { fromMs, untilMs, trouble },
      ]),
    )
  }

  /**
   * Another configuration; nothing is changed when it throws. The way back is returned.
   * @throws {ConfigError}
   */
  use({ tls }: Pick<Config, 'tls'>): () => void {
    const before = { files: this.#files, options: this.#options }
    this.#begin(openFiles(tls), tls)
    return () => this.#begin(before.files, before.options)
  }

  #begin(files: CertificateFile[], options: TlsOptions): void {
    this.#files = files
    this.#options = options
    this.#arm()
    this.#changed()
  }

  [Symbol.dispose](): void {
    this.#looking?.cancel()
    this.#rotating?.cancel()
  }

  #arm(): void {
    const { reloadMs, ticketMs } = this.#options
    this[Symbol.dispose]()
    if (this.#files.length === 0) return
    const { clock, random } = this.#parts
    this.#looking = clock.every(reloadMs, () => this.#look())
    this.#rotating = clock.every(ticketMs, () => {
      this.#ticketKey = newTicketKey(random)
      this.#changed()
    })
  }

  #look(): void {
    let isChanged = false
    for (const file of this.#files) {
      const look = file.look()
      if (look === 'changed') {
        isChanged = true
        this.#tell('renewed', file.pair)
      }
      if (look === 'broken') this.#tell('refused', file.pair, file.trouble ?? '')
    }
    if (isChanged) this.#changed()
  }

  #changed(): void {
    this.#serial++
    const { material } = this
    if (material) void this.onChange(material)
  }

  #tell(state: 'loaded' | 'renewed' | 'refused', { names, untilMs, issuer }: KnownPair, detail = ''): void {
    const { log, recorder } = this.#parts
    recorder.note({ kind: 'certificate', state, names: names.slice(0, namesMax), untilMs, issuer, detail })
    const facts = { names: names.slice(0, namesMax), until: new Date(untilMs).toISOString() }
    if (state === 'refused')
      log.error({ ...facts, detail }, 'a changed certificate cannot be used; the last good stays')
    else log.info(facts, `a certificate is ${state}`)
  }
}

/** Names of one certificate that are told. */
const namesMax = 20

/** The certificates of the configuration. @throws {ConfigError} when one cannot be used. */
export function openFiles(tls: TlsOptions): CertificateFile[] {
  if (!offersTls(tls)) return []
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
