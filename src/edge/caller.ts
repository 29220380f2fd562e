/** Who is calling: from a key to a name. Keys are kept as hashes, compared as hashes, and never written anywhere. */
import { hash as digest } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { Tier } from '../relay/overload/tier.ts'
import type { KeyOptions } from './key-options.ts'

export interface Caller {
  /** Empty when the gateway takes calls without a key. */
  readonly name: string
  readonly models: ReadonlySet<string> | null
  readonly tier: Tier
  readonly onDisconnect: 'cancel' | 'detach' | null
}

const anyone: Caller = { name: '', models: null, tier: 'standard', onDisconnect: null }

export class Callers {
  #byHash = new Map<string, Caller>()

  /** `keys` with their secrets already read. Without any, everyone may call. */
  constructor(keys: readonly KeyOptions[]) {
    for (const { name, key, models, tier, onDisconnect } of keys) {
      const modelSet = models ? new Set(models) : null
      this.#byHash.set(hash(key), { name, models: modelSet, tier, onDisconnect: onDisconnect ?? null })
    }
  }

  /** @throws {Fault} HF_KEY_UNKNOWN */
  identify(headers: IncomingHttpHeaders): Caller {
    if (this.#byHash.size === 0) return anyone
    const key = callerKey(headers)
    const caller = key ? this.#byHash.get(hash(key)) : undefined
    if (!caller) throw new Fault('HF_KEY_UNKNOWN', { detail: key ? 'the key is not known here' : 'no key was sent' })
    return caller
  }
}

/** The secret a request carries: `authorization: Bearer …` (OpenAI) or `x-api-key` (Anthropic). */
export function callerKey(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer) return bearer
  const apiKey = headers['x-api-key']
  return typeof apiKey === 'string' && apiKey.length > 0 ? apiKey : null
}

function hash(key: string): string {
  return digest('sha256', key, 'base64')
}
