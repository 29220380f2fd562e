/**
 * The top rung of continuation: an upstream that keeps its answers (another Holdfast) is asked for the rest of the very
 * same one when only the connection to it broke. Nothing is computed twice, and no byte differs.
 */
import type { WireHead, WireRequest } from './wire/wire.ts'

/** Tries for one break, and the wait before each, doubling. */
const triesMax = 4
const waitMs = 100

const lineFeed = 0x0a
const letterI = 0x69
const letterR = 0x72

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

/**
 * An event without its `id` and `retry` lines, and the id: numbers are the gateway's own to give, and when to come back
 * is its own to say.
 */
export function takeId(event: Buffer): { event: Buffer; id: string | null } {
  if (!mayHaveControls(event)) return { event, id: null }
  const lines = event.toString('latin1').split('\n')
  const controls = lines.filter(isControl)
  const id =
    controls
      .findLast((line) => line.startsWith('id'))
      ?.replace(/^id: ?/, '')
      .replace(/\r$/, '') ?? null
  if (controls.length === 0) return { event, id }
  if (controls.length === 1 && lines[0] === controls[0])
    return { event: event.subarray(event.indexOf(lineFeed) + 1), id }
  return { event: Buffer.from(lines.filter((line) => !isControl(line)).join('\n'), 'latin1'), id }
}

/** The usual event has one line, which is data. */
function mayHaveControls(event: Buffer): boolean {
  if (event[0] === letterI || event[0] === letterR) return true
  if (event.indexOf(lineFeed) === -1) return false
  return event.indexOf('\nid') !== -1 || event.indexOf('\nretry') !== -1
}

function isControl(line: string): boolean {
  return /^(id|retry)(:|\r?$)/.test(line)
}
