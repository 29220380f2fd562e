/**
 * The key by which webhooks and the tokens of their callbacks are signed (Ed25519). All nodes have the same: it lies
 * with the streams, and outlives the process where they do.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { Fault } from '../../fault/fault.ts'
import type { Notes } from '../../store/stream-store.ts'

const noteKey = 'webhook-key'

export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** What a token says: whose subscription, in which generation, until when (milliseconds since 1970). */
export interface TokenClaim {
  readonly caller: string
  readonly id: string
  readonly generation: number
  readonly untilMs: number
}

export class WebhookKey {
  readonly jwk: PublicJwk
  #private: KeyObject
  #public: KeyObject

  private constructor(pkcs8: string) {
    this.#private = createPrivateKey(pkcs8)
    this.#public = createPublicKey(this.#private)
    const { x = '' } = this.#public.export({ format: 'jwk' })
    // RFC 7638, over the members that RFC 8037 names.
    const print = createHash('sha256')
      .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
      .digest('base64url')
    this.jwk = { kty: 'OKP', crv: 'Ed25519', x, kid: `ds_${print}`, use: 'sig', alg: 'EdDSA' }
  }

  /** The one there is; the first who asks makes it. */
  static async load(notes: Notes): Promise<WebhookKey> {
    const found = await notes.get(noteKey)
    if (found) return new WebhookKey(found.value)
    const { privateKey } = generateKeyPairSync('ed25519')
    await notes.put(noteKey, 0, privateKey.export({ type: 'pkcs8', format: 'pem' }), null)
    const kept = await notes.get(noteKey)
    if (!kept) throw new Fault('HF_STREAM_BUSY', { detail: 'the key of webhooks could not be kept' })
    return new WebhookKey(kept.value)
  }

  /** Value of `Webhook-Signature`. */
  signature(body: string, nowMs: number): string {
    const seconds = Math.floor(nowMs / 1000)
    return `t=${seconds},kid=${this.jwk.kid},ed25519=${this.#sign(`${seconds}.${body}`)}`
  }

  token(claim: TokenClaim): string {
    const payload = Buffer.from(JSON.stringify(claim)).toString('base64url')
    return `${payload}.${this.#sign(`token.${payload}`)}`
  }

  /** What a token says; null when it is none of ours. */
  readToken(token: string): TokenClaim | null {
    const [payload = '', signature = ''] = token.split('.', 2)
    const signed = Buffer.from(`token.${payload}`)
    if (!verify(null, signed, this.#public, Buffer.from(signature, 'base64url'))) return null
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as TokenClaim
  }

  #sign(text: string): string {
    return sign(null, Buffer.from(text), this.#private).toString('base64url')
  }
}
