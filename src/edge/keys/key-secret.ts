/** The secret that is a key: how it is made, by what people recognise it, and what of it is kept. */
import { hash as digest } from 'node:crypto'
import type { Random } from '../../ground/random.ts'

/** Some clients insist on `sk-`; the rest tells scanners for lost secrets whose it is. */
const opening = 'sk-hf-'
const secretBytes = 32
const prefixLength = opening.length + 6

export interface MadeSecret {
  readonly secret: string
  readonly prefix: string
  readonly hash: string
}

/** 256 bits of chance: a plain hash of it cannot be guessed back, as one of a password could. */
export function makeSecret(random: Random): MadeSecret {
  const bytes = Uint8Array.from({ length: secretBytes }, () => random.bits(8))
  const secret = `${opening}${Buffer.from(bytes).toString('base64url')}`
  return { secret, prefix: secret.slice(0, prefixLength), hash: hashSecret(secret) }
}

export function hashSecret(secret: string): string {
  return digest('sha256', secret, 'base64')
}
