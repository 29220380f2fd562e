/** Looks at every byte that a gateway hands to a caller's connection, at that very moment: was it kept before? */
import { AnswerText, EventCutter } from '../world/answer-text.ts'
import type { ReplyFacts } from '../world/gateway.ts'
import type { WorldDisk } from '../world/world-disk.ts'
import type { Checks } from './checks.ts'

/** From being kept until it is written, while the caller takes what comes and the process is awake. */
const lateMsMax = 1500

interface Seen {
  readonly cutter: EventCutter
  /** Bytes of a whole answer so far. */
  wholeBytes: number
  wroteMs: number
}

export class DeliveryCheck {
  #checks: Checks
  #disk: WorldDisk
  #replies = new WeakMap<ReplyFacts, Seen>()

  constructor(checks: Checks, disk: WorldDisk) {
    this.#checks = checks
    this.#disk = disk
  }

  see(reply: ReplyFacts, bytes: Buffer, wasFull: boolean): void {
    let seen = this.#replies.get(reply)
    if (!seen) this.#replies.set(reply, (seen = { cutter: new EventCutter(), wholeBytes: 0, wroteMs: reply.openedMs }))
    if (!reply.isStream) return this.#whole(reply, seen, bytes)
    for (const event of seen.cutter.push(bytes)) {
      if (event.number === null) this.#aside(reply, event.bytes)
      else this.#event(reply, event.number, event.bytes, wasFull)
    }
  }

  #event(reply: ReplyFacts, number: number, bytes: Buffer, wasFull: boolean): void {
    const name = `${reply.process.name} sends ${number} of ${reply.ray}`
    const kept = this.#disk.find(reply.ray)?.events[number]
    if (!kept) return this.#checks.report('unkept', `${name}, which is not kept`)
    if (!kept.event.equals(bytes)) {
      const both = `${JSON.stringify(bytes.toString().slice(0, 300))}; kept is ${JSON.stringify(kept.event.toString().slice(0, 300))}`
      return this.#checks.report('unkept', `${name} with other bytes: ${both}`)
    }
    const sinceMs = Math.max(kept.keptMs, reply.openedMs, reply.process.awakeMs)
    const lateMs = this.#disk.clock.monotonicMs() - sinceMs
    if (lateMs > lateMsMax && !wasFull)
      this.#checks.report('late', `${name} ${Math.round(lateMs)} ms after it was kept`)
  }

  /** Only an error may come without having been kept. */
  #aside(reply: ReplyFacts, bytes: Buffer): void {
    const said = new AnswerText('chat')
    said.readEvent(bytes)
    if (said.error === null)
      this.#checks.report(
        'unkept',
        `${reply.process.name} sends an event without a number: ${bytes.toString().slice(0, 200)}`,
      )
  }

  #whole(reply: ReplyFacts, seen: Seen, bytes: Buffer): void {
    const kept = this.#disk.find(reply.ray)?.events[0]?.event
    const from = seen.wholeBytes
    seen.wholeBytes += bytes.length
    if (!kept?.subarray(from, seen.wholeBytes).equals(bytes))
      this.#checks.report('unkept', `${reply.process.name} sends the whole of ${reply.ray}, which is not kept so`)
  }
}
