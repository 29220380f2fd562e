/**
 * Users who show a token of an identity provider (JSON Web Tokens, OpenID Connect) in place of a key. A token is
 * verified when it is first seen, and remembered until it ends.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { hash } from 'node:crypto'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import { type Caller, callerKey, callerOf, type Tokens } from '../caller.ts'
import { hashSecret } from './key-secret.ts'
import type { UserOptions } from './user-options.ts'

/** For one provider. @throws {TokenError} for a token that is not good, and any other error where nobody knows. */
export type Verify = (token: string) => Promise<{ readonly user: string; readonly endsMs: number }>

/** The token itself is at fault; the words are for whoever sent it. */
export class TokenError extends Error {}

/** Tokens that are remembered; those seen first are forgotten first. */
const tokensMax = 50_000
/** A token that was not good is not looked at again for so long: a flood of it costs one look. */
const badMs = 10_000
const tokenLengthMax = 16 * 1024
const shape = /^[\w-]{2,}\.[\w-]{2,}\.[\w-]{2,}$/

interface Known {
  readonly caller: Caller | null
  readonly why: string
  readonly endsMs: number
}

export interface Provider {
  readonly options: UserOptions
  readonly verify: Verify
}

export class TokenDesk implements Tokens {
  #clock: Clock
  #byIssuer: ReadonlyMap<string, Provider>
  #known = new Map<string, Known>()
  /** Tokens that are being verified, so that many calls at once cost one look. */
  #looks = new Map<string, Promise<void>>()

  constructor(providers: readonly Provider[], clock: Clock) {
    this.#clock = clock
    this.#byIssuer = new Map(providers.map((provider) => [provider.options.issuer, provider]))
  }

  tokenOf(headers: IncomingHttpHeaders): string | null {
    const token = callerKey(headers)
    if (token === null || token.length > tokenLengthMax || !shape.test(token)) return null
    return this.#byIssuer.has(issuerOf(token)) ? token : null
  }

  identify(token: string): Caller | null {
    const known = this.#known.get(hashSecret(token))
    if (!known || known.endsMs <= this.#clock.nowMs()) return null
    if (known.caller) return known.caller
    throw new Fault('HF_KEY_UNKNOWN', { detail: known.why })
  }

  look(token: string): Promise<void> {
    const key = hashSecret(token)
    const before = this.#looks.get(key)
    if (before) return before
    const look = this.#verify(token, key).finally(() => this.#looks.delete(key))
    this.#looks.set(key, look)
    return look
  }

  async #verify(token: string, key: string): Promise<void> {
    const provider = this.#byIssuer.get(issuerOf(token))
    if (!provider) return
    const { options, verify } = provider
    try {
      const { user, endsMs } = await verify(token)
      this.#remember(key, { caller: callerOf(nameOf(options.name, user), options, false), why: '', endsMs })
    } catch (error) {
      if (!(error instanceof TokenError))
        throw new Fault('HF_TOKEN_UNVERIFIED', { detail: String(error), cause: error })
      this.#remember(key, { caller: null, why: error.message, endsMs: this.#clock.nowMs() + badMs })
    }
  }

  #remember(key: string, known: Known): void {
    const oldest = this.#known.size >= tokensMax ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, known)
  }
}

/** `iss`, unverified: it only says whom to ask. */
function issuerOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const issuer = (claims as { iss?: unknown } | null)?.iss
    return typeof issuer === 'string' ? issuer : ''
  } catch {
    return ''
  }
}

/**
 * Names of keys have no colon. A user whose name would not do in a log is known by its hash, behind a sign that no
 * plain name has: nobody who may choose his name can take the hash of another's.
 */
function nameOf(provider: string, user: string): string {
  if (/^[\w.@-]{1,64}$/.test(user)) return `${provider}:${user}`
  return `${provider}:~${hash('sha256', user, 'base64url').slice(0, 22)}`
}
