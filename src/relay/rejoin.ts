/**
 * The top rung of continuation: an upstream that keeps its answers (another Holdfast) is asked for the rest of the very
 * same one when only the connection to it broke. Nothing is computed twice, and no byte differs.
 */
import type { WireHead, WireRequest } from './wire/wire.ts'

/** Tries for one break, and the wait before each, doubling. */
const triesMax = 4
const waitMs = 100

const lineFeed = 0x0a

export class Rejoin {
  #ray: string
  /** The number of the last event that has come. */
  #lastId: string | null = null
  #tries = 0

  private constructor(ray: string) {
    this.#ray = ray
  }

  /** Null for an upstream that does not keep its answers. */
  static of({ headers }: WireHead): Rejoin | null {
    const ray = headers['holdfast-ray']
    return ray && /^[\w-]{1,64}$/.test(ray) ? new Rejoin(ray) : null
  }

  /** The event was received: what is behind it is wanted. */
  received(id: string): void {
    this.#lastId = id
    this.#tries = 0
  }

  /** How long to wait before the next try; null when it has been tried often enough. */
  nextWaitMs(): number | null {
    return this.#tries < triesMax ? waitMs * 2 ** this.#tries++ : null
  }

  /** The request for the rest; from that for the answer its headers are taken. */
  request(base: URL, headers: WireRequest['headers'], connectMs: number): WireRequest {
    const { 'content-type': _, ...kept } = headers
    const path = `${base.pathname.replace(/\/$/, '')}/answers/${this.#ray}${base.search}`
    const cursor: Record<string, string> = this.#lastId === null ? {} : { 'last-event-id': this.#lastId }
    return { method: 'GET', path, headers: { ...kept, ...cursor, accept: 'text/event-stream' }, body: [], connectMs }
  }
}

/** An event without its `id` line, and the id: numbers are the gateway's own to give. */
export function takeId(event: Buffer): { event: Buffer; id: string | null } {
  // The usual event has one line, which is data, and no id.
  if (event[0] !== 0x69 && event.indexOf('\nid:') === -1) return { event, id: null }
  const lines = event.toString('latin1').split('\n')
  const ids = lines.filter(isId)
  const id =
    ids
      .at(-1)
      ?.replace(/^id: ?/, '')
      .replace(/\r$/, '') ?? null
  if (ids.length === 1 && lines[0] === ids[0]) return { event: event.subarray(event.indexOf(lineFeed) + 1), id }
  return { event: Buffer.from(lines.filter((line) => !isId(line)).join('\n'), 'latin1'), id }
}

function isId(line: string): boolean {
  return /^id(:|\r?$)/.test(line)
}
