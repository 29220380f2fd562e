/** What a visitor sends who subscribes: a form or JSON, read within bounds. */
import type { IncomingMessage } from 'node:http'
import { RequestRefusal, type RequestFields } from '../../status/subscription/subscription-request.ts'

/** A hundred ids of components and an address have room in it. */
const bodyBytesMax = 16_384

export interface SubscriptionFields {
  readonly subscriber: RequestFields
  /** Of a link; empty for none. */
  readonly token: string
}

export class TooLarge extends Error {}

/** @throws {RequestRefusal} @throws {TooLarge} */
export async function readFields(request: IncomingMessage): Promise<SubscriptionFields> {
  const pieces: Buffer[] = []
  let bytes = 0
  // Not ended with the loop: who sends too much is still told so.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    bytes += (piece as Buffer).length
    if (bytes > bodyBytesMax) throw new TooLarge()
    pieces.push(piece as Buffer)
  }
  const text = Buffer.concat(pieces).toString()
  return /^application\/json\b/i.test(request.headers['content-type'] ?? '') ? ofJson(text) : ofForm(text)
}

function ofJson(text: string): SubscriptionFields {
  if (text.trim() === '') return { subscriber: {}, token: '' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new RequestRefusal('The body is no JSON.')
  }
  const { subscriber, token } = (isObject(value) ? value : {}) as { subscriber?: unknown; token?: unknown }
  const given = isObject(subscriber) ? subscriber : isObject(value) ? value : {}
  return { subscriber: given, token: typeof token === 'string' ? token : '' }
}

/** Names of fields as `email`, or as Statuspage has them: `subscriber[email]`, `subscriber[component_ids][]`. */
function ofForm(text: string): SubscriptionFields {
  const fields = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(text)) {
    const plain = name.replace(/^subscriber\[(\w+)\]/, '$1').replace(/\[\]$/, '')
    const values = fields.get(plain) ?? []
    values.push(value)
    fields.set(plain, values)
  }
  const one = (name: string): string | undefined => fields.get(name)?.[0]
  return {
    subscriber: {
      email: one('email'),
      endpoint: one('endpoint'),
      webhook: one('webhook'),
      slack: one('slack'),
      component_ids: fields.get('component_ids') ?? fields.get('component'),
      component_id: one('component_id'),
    },
    token: one('token') ?? '',
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
