/**
 * Headers by which a receiver knows that a message is ours and whether it has had it before (Standard Webhooks):
 * HMAC-SHA256 over `id.timestamp.body`. The id is the same at each try to deliver the same.
 */
import { createHmac } from 'node:crypto'

const prefix = 'whsec_'

export interface SignedMessage {
  readonly id: string
  readonly body: string
  /** `whsec_` and base64, or any text; left out, the message is not signed. */
  readonly secret?: string | undefined
}

export function webhookHeaders({ id, body, secret }: SignedMessage, nowMs: number): Record<string, string> {
  const seconds = String(Math.floor(nowMs / 1000))
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
    ...(secret !== undefined && { 'webhook-signature': signature(secret, `${id}.${seconds}.${body}`) }),
  }
}

function signature(secret: string, signed: string): string {
  const key = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret)
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}
