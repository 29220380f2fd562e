/**
 * What only we can make and nobody can guess: the tokens in links to confirm and unsubscribe, the secrets of webhooks.
 * None of them is stored anywhere, in clear or hashed: each is made of the id by a key (HMAC-SHA256, 128 bits or more).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export type Purpose = 'confirm' | 'unsubscribe'

const markBytes = 16

export function tokenOf(key: Buffer, purpose: Purpose, id: string): string {
  return `${id}.${markOf(key, purpose, id).toString('base64url')}`
}

/** The id that it was made of; null when it is none of ours, or for another purpose. */
export function readToken(key: Buffer, purpose: Purpose, token: string): string | null {
  const [, id = '', mark = ''] = /^([0-9a-f]{32})\.([\w-]{22})$/.exec(token) ?? []
  const shown = Buffer.from(mark, 'base64url')
  return shown.length === markBytes && timingSafeEqual(shown, markOf(key, purpose, id)) ? id : null
}

/** As Standard Webhooks have it. */
export function webhookSecret(key: Buffer, id: string): string {
  return `whsec_${createHmac('sha256', key).update(`webhook\n${id}`).digest('base64')}`
}

/** The same for the same message to the same address, at every try; 32 letters and digits. */
export function messageId(key: Buffer, address: string, news: string): string {
  return createHmac('sha256', key).update(`message\n${address}\n${news}`).digest('hex').slice(0, 32)
}

function markOf(key: Buffer, purpose: Purpose, id: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}\n${id}`).digest().subarray(0, markBytes)
}
