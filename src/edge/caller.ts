/** Who is calling: from a key to a name. Keys are kept as hashes, compared as hashes, and never written anywhere. */
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { Tier } from '../relay/overload/tier.ts'
import type { KeptKey } from '../store/key-store.ts'
import type { KeyOptions, KeySettings } from './key-options.ts'
import type { KeyLimits } from './keys/key-limits.ts'
import { hashSecret } from './keys/key-secret.ts'
import type { Answering } from './visitor.ts'

export interface Caller {
  /** Empty when the gateway takes calls without a key. */
  readonly name: string
  readonly models: ReadonlySet<string> | null
  readonly tier: Tier
  readonly onDisconnect: 'cancel' | 'detach' | null
  /** Which of its calls may be answered from the cache; null: those that ask for it. */
  readonly cache: 'off' | 'sure' | 'all' | 'semantic' | null
  /** Null for none. */
  readonly limits: KeyLimits | null
  /** It may be told at any moment that its key is good no more. */
  readonly isRevocable: boolean
}

/** What goes to the holder of a key, and can be cut. */
type Held = Pick<Answering, 'destroy'> & { on(event: 'close', run: () => void): unknown }

/** Users who show a token of an identity provider. */
export interface Tokens {
  /** The token of a request, where it has one of these providers; null for anything else, such as a key. */
  tokenOf(headers: IncomingHttpHeaders): string | null
  /** Whose it is, if it has been verified; null if it is to be looked at first. @throws {Fault} HF_KEY_UNKNOWN */
  identify(token: string): Caller | null
  /** Verifies it. @throws {Fault} HF_TOKEN_UNVERIFIED where that could not be done. */
  look(token: string): Promise<void>
}

const anyone: Caller = {
  ...{ name: '', models: null, tier: 'standard', onDisconnect: null, cache: null, limits: null, isRevocable: false },
}

/** A secret of a key that operators made. */
interface Managed {
  readonly caller: Caller
  /** Why it is good no more, in the words for its holder; null while it is. */
  readonly refusal: string | null
  /** Milliseconds since 1970; null for no end. */
  readonly endsMs: number | null
}

export class Callers {
  #clock: Clock
  #configured = new Map<string, Caller>()
  #managed = new Map<string, Managed>()
  #good = new Set<string>()
  #answers = new Map<string, Set<Held>>()
  #tokens: Tokens | null
  #isOpen: boolean

  /** `keys` with their secrets already read. Without any, and until operators make one, everyone may call. */
  constructor(keys: readonly KeyOptions[], clock: Clock, tokens: Tokens | null = null) {
    this.#clock = clock
    this.#tokens = tokens
    for (const { name, key, ...settings } of keys)
      this.#configured.set(hashSecret(key), callerOf(name, settings, false))
    this.#isOpen = keys.length === 0 && tokens === null
  }

  /**
   * From now on nobody may call without a key. So it is once there was one: whoever revokes the last one does not mean
   * that everyone may call.
   */
  needKeys(): void {
    this.#isOpen = false
  }

  /** The keys that operators have made, all of them. Gives the names that were good before and are no more. */
  manage(keys: readonly KeptKey<KeySettings>[]): string[] {
    const before = this.#good
    this.#managed = new Map()
    this.#good = new Set()
    for (const { name, settings, secrets, endsMs: keyEndsMs, revokedMs } of keys) {
      const caller = callerOf(name, settings, true)
      const refusal = revokedMs === null ? null : 'it has been revoked'
      if (refusal === null) this.#good.add(name)
      for (const { hash, endsMs } of secrets)
        this.#managed.set(hash, { caller, refusal, endsMs: earlier(endsMs, keyEndsMs) })
    }
    return [...before].filter((name) => !this.#good.has(name))
  }

  /** Null where `identify` knows at once; else it does afterwards. @throws {Fault} HF_TOKEN_UNVERIFIED */
  look(headers: IncomingHttpHeaders): Promise<void> | null {
    const tokens = this.#tokens
    const token = tokens?.tokenOf(headers) ?? null
    if (!tokens || token === null) return null
    try {
      return tokens.identify(token) ? null : tokens.look(token)
    } catch {
      return null // it is refused by `identify`
    }
  }

  /** @throws {Fault} HF_KEY_UNKNOWN, HF_KEY_REVOKED */
  identify(headers: IncomingHttpHeaders): Caller {
    if (this.#isOpen) return anyone
    const key = callerKey(headers)
    if (!key) throw new Fault('HF_KEY_UNKNOWN', { detail: 'no key was sent' })
    const token = this.#tokens?.tokenOf(headers) ?? null
    const user = token === null ? null : this.#tokens?.identify(token)
    if (user) return user
    const hash = hashSecret(key)
    const configured = this.#configured.get(hash)
    if (configured) return configured
    const managed = this.#managed.get(hash)
    if (!managed) throw new Fault('HF_KEY_UNKNOWN', { detail: 'the key is not known here' })
    if (managed.refusal !== null) throw new Fault('HF_KEY_REVOKED', { detail: managed.refusal })
    if (managed.endsMs !== null && managed.endsMs <= this.#clock.nowMs())
      throw new Fault('HF_KEY_REVOKED', { detail: 'its time is over' })
    return managed.caller
  }

  /** Whether it bears a key that is good. */
  knows(headers: IncomingHttpHeaders): boolean {
    if (this.#isOpen) return false
    try {
      this.identify(headers)
      return true
    } catch {
      return false
    }
  }

  /** Remembers who gets this answer, as long as it goes on. */
  hold({ name, isRevocable }: Caller, answer: Held): void {
    if (!isRevocable) return
    const answers = this.#answers.get(name) ?? new Set<Held>()
    this.#answers.set(name, answers)
    answers.add(answer)
    answer.on('close', () => {
      answers.delete(answer)
      if (answers.size === 0 && this.#answers.get(name) === answers) this.#answers.delete(name)
    })
  }

  /** Whatever is still being sent to the holder of this key breaks off. */
  cut(name: string): void {
    for (const answer of this.#answers.get(name) ?? []) answer.destroy()
  }
}

/** What somebody of this name may do. */
export function callerOf(name: string, settings: KeySettings, isRevocable: boolean): Caller {
  const { models, tier, onDisconnect, cache, limits } = settings
  return {
    ...{ name, tier, isRevocable },
    models: models ? new Set(models) : null,
    onDisconnect: onDisconnect ?? null,
    cache: cache ?? null,
    limits: limits && Object.keys(limits).length > 0 ? limits : null,
  }
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

/** The secret a request carries: `authorization: Bearer …` (OpenAI) or `x-api-key` (Anthropic). */
export function callerKey(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer) return bearer
  const apiKey = headers['x-api-key']
  return typeof apiKey === 'string' && apiKey.length > 0 ? apiKey : null
}
