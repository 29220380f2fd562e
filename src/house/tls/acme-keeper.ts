/**
 * Keeps a certificate of an authority: has it issued, renews it in time, and tries again with growing pauses when that
 * fails. Serving never waits for it; the last good stays in use.
 */
import { readFileSync } from 'node:fs'
import type { Challenges } from '../../edge/tls/tls-material.ts'
import type { AcmeOptions } from '../../edge/tls/tls-options.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { readSecret } from '../secrets.ts'
import { issue, newAccountKey, type ChallengeType } from './acme.ts'
import { AcmeFolder } from './acme-folder.ts'
import { againAfterMs, renewalMs, suggestedMs, whyUseless } from './acme-plan.ts'
import { type KnownPair, readPair } from './read-pair.ts'
import { askRenewalWindow, certificateId } from './renewal-info.ts'

/** It is looked so often whether something is to be done. */
const lookMs = 30_000
/** The authority is asked so often when it would like to renew. */
const askMs = 6 * 3_600_000

export interface AcmeKeeperParts {
  readonly clock: Clock
  readonly random: Random
  readonly stateDir: string
  /** Whether there is a plain port at which the authority may ask. */
  readonly hasPlainPort: boolean
  /** Shows the world these proofs; resolves when everybody who may be asked has them. */
  readonly prove: (challenges: Challenges) => Promise<void>
  /** There is another certificate. */
  readonly onPair: (pair: KnownPair) => void
  readonly onFailure: (words: string) => void
  /** Asks an authority; another one for tests. */
  readonly issue?: typeof issue
}

export class AcmeKeeper {
  pair: KnownPair | null
  /** Why there is none, or no newer one; null while all is well. */
  trouble: string | null = null
  #options: AcmeOptions
  #parts: AcmeKeeperParts
  #folder: AcmeFolder
  #failures = 0
  /** Its certificate is in use, and not in the folder yet. */
  #isUnkept = false
  /** When it is to be renewed; wall time. */
  #dueMs: number
  /** Chance of this certificate: the moment does not jump about while one waits for it. */
  #unit: number
  #askedMs = Number.NEGATIVE_INFINITY
  /** The authority has an opinion, and so wants to know which certificate is replaced. */
  #hasWindow = false
  #isBusy = false
  #timers: Timer[] = []

  constructor(options: AcmeOptions, parts: AcmeKeeperParts) {
    this.#options = options
    this.#parts = parts
    this.#folder = new AcmeFolder(parts.stateDir, options.directoryUrl)
    this.#unit = parts.random.unit()
    const kept = this.#folder.pair()
    const isForAll = kept !== null && options.names.every((name) => kept.names.includes(name))
    this.pair = kept
    this.#dueMs = kept && isForAll ? renewalMs(kept, this.#unit) : Number.NEGATIVE_INFINITY
  }

  /** Looks at once, and from now on. */
  start(): void {
    const { clock } = this.#parts
    this.stop()
    this.#timers = [clock.every(lookMs, () => void this.look()), clock.after(0, () => void this.look())]
  }

  /** Looks no more, until it is started again. */
  stop(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
  }

  /** When it is to be renewed, or asked for again; milliseconds since 1970. */
  get dueMs(): number {
    return this.#dueMs
  }

  /** Does what is to be done now. Never rejects. */
  async look(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      await this.#askWindow()
      if (this.#parts.clock.nowMs() >= this.#dueMs) await this.#renew()
      else if (this.#isUnkept) this.#keep()
    } finally {
      this.#isBusy = false
    }
  }

  /** What the authority would like; that it cannot be asked is no trouble: it is known well enough by its dates. */
  async #askWindow(): Promise<void> {
    const { clock } = this.#parts
    const nowMs = clock.nowMs()
    const { pair } = this
    if (!pair || this.#failures > 0 || nowMs >= this.#dueMs || nowMs - this.#askedMs < askMs) return
    this.#askedMs = nowMs
    const window = await askRenewalWindow(this.#options.directoryUrl, pair.cert, this.#authority()).catch(() => null)
    if (!window) return
    this.#hasWindow = true
    this.#dueMs = suggestedMs(window, pair, this.#unit)
  }

  async #renew(): Promise<void> {
    const { clock, random, onPair, onFailure } = this.#parts
    try {
      const pair = await this.#issue()
      this.pair = pair
      this.trouble = null
      this.#failures = 0
      this.#unit = random.unit()
      // An authority that would always like it to be renewed gets its wish a few times a day.
      this.#askedMs = clock.nowMs()
      this.#dueMs = renewalMs(pair, this.#unit)
      onPair(pair)
      this.#keep()
    } catch (error) {
      this.#failures++
      this.#forgetAccount(error)
      this.#dueMs = clock.nowMs() + againAfterMs(this.#failures, random.unit())
      this.trouble = (error instanceof Error ? error.message : String(error)).slice(0, 500)
      onFailure(this.trouble)
    }
  }

  /** One that the disk does not take is used all the same: authorities issue the same again only a few times a week. */
  #keep(): void {
    const { pair } = this
    if (!pair) return
    const wasUnkept = this.#isUnkept
    try {
      this.#folder.keepPair(pair)
      this.#isUnkept = false
      if (wasUnkept) this.trouble = null
    } catch (error) {
      this.#isUnkept = true
      this.trouble = `the certificate cannot be kept: ${(error as Error).message}`.slice(0, 500)
      if (!wasUnkept) this.#parts.onFailure(this.trouble)
    }
  }

  async #issue(): Promise<KnownPair> {
    const { directoryUrl, names, email, eab, challenges } = this.#options
    const account = this.#folder.account() ?? { key: await newAccountKey(), url: null }
    if (account.url === null) this.#folder.keepAccount(account)
    const { pair } = this
    const replaces = pair && this.#hasWindow ? certificateId(pair.cert) : null
    const usual: readonly ChallengeType[] = this.#parts.hasPlainPort ? ['http-01', 'tls-alpn-01'] : ['tls-alpn-01']
    const { cert, key } = await (this.#parts.issue ?? issue)({
      ...{ directoryUrl, names, email, account, replaces, ca: this.#authority(), prove: this.#parts.prove },
      types: challenges ?? usual,
      onAccount: (url) => {
        if (url !== account.url) this.#folder.keepAccount({ ...account, url })
      },
      binding: eab && { kid: eab.kid, hmacKey: readSecret(eab.key, 'tls.acme.eab.key') },
    })
    const issued = readPair(cert, key)
    const why = whyUseless(issued, names, this.#parts.clock.nowMs())
    if (why !== null) throw new Error(why)
    return issued
  }

  /** An account that the authority does not know any more is looked for by its key at the next try. */
  #forgetAccount(error: unknown): void {
    const account = this.#folder.account()
    if (!account?.url || !/account/i.test(String(error))) return
    this.#folder.keepAccount({ ...account, url: null })
  }

  /** @throws {Error} when its file cannot be read. */
  #authority(): string | undefined {
    const { ca } = this.#options
    return ca === undefined ? undefined : readFileSync(ca, 'utf8')
  }
}
