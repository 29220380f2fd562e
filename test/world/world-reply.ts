/**
 * A caller's connection as the relay of a simulated gateway sees it. It also holds the relay to the contract of a
 * reply: one head, nothing behind the end, no write into a full buffer.
 */
import type { Fault } from '../../src/fault/fault.ts'
import type { Timer } from '../../src/ground/clock.ts'
import type { Reply, ReplyHead } from '../../src/relay/reply.ts'
import type { CallerLink } from './caller-link.ts'
import type { SimProcess } from './sim-process.ts'

/** Between the last event of a broken answer and the end of its connection. */
const lingerMs = 50

export interface ReplyWatch {
  /** Bytes go out; what was not kept must not. */
  onWrite(bytes: Buffer, wasFull: boolean): void
  /** The relay has broken the contract of a reply. */
  onMisuse(words: string): void
}

export interface WorldReplyOptions {
  readonly process: SimProcess
  readonly link: CallerLink
  /** The ray that the door gave to the request. */
  readonly ray: string
  /** Bytes that may wait for the caller. */
  readonly bufferBytesMax: number
  /** A caller who takes nothing for so long is let go. */
  readonly stalledMs: number
  readonly watch: ReplyWatch
  /** The reply names another answer than the request's own: it attached to an earlier one. */
  readonly onNamed: (ray: string) => void
}

export class WorldReply implements Reply {
  onDrain: () => void = () => {}
  onGone: () => void = () => {}
  #options: WorldReplyOptions
  #buffered = 0
  #isFull = false
  /** The caller has kept the relay waiting before this write. */
  #wasFull = false
  #hasBegun = false
  #isOver = false
  #stall: Timer | null = null

  constructor(options: WorldReplyOptions) {
    this.#options = options
    const { link } = options
    link.onTaken = (bytes) => this.#taken(bytes)
    link.onGone = () => this.#gone()
  }

  begin({ lengthBytes, headers }: ReplyHead): void {
    if (this.#hasBegun || this.#isOver) this.#options.watch.onMisuse('begin, when the answer has begun or is over')
    this.#hasBegun = true
    const ray = headers['holdfast-ray'] ?? this.#options.ray
    this.#options.onNamed(ray)
    this.#options.link.send({ kind: 'head', ray, lengthBytes })
  }

  write(bytes: Buffer): boolean {
    const { link, watch, bufferBytesMax, process, stalledMs } = this.#options
    if (!this.#hasBegun) watch.onMisuse('write before begin')
    if (this.#isFull) watch.onMisuse('write into a full buffer')
    if (this.#isOver) {
      watch.onMisuse('write behind the end')
      return true
    }
    watch.onWrite(bytes, this.#wasFull)
    this.#wasFull = false
    link.send({ kind: 'bytes', bytes: Buffer.from(bytes) })
    this.#buffered += bytes.length
    this.#isFull = this.#buffered > bufferBytesMax
    if (this.#isFull) this.#stall ??= process.clock.after(stalledMs, () => this.#drop())
    return !this.#isFull
  }

  end(): void {
    this.#finish('end')
    this.#options.link.send({ kind: 'end' })
  }

  breakOff(): void {
    this.#finish('breakOff')
    // What was written goes out before.
    this.#options.process.clock.after(lingerMs, () => this.#options.link.send({ kind: 'reset' }))
  }

  fail(fault: Fault): void {
    if (this.#hasBegun) this.#options.watch.onMisuse('fail, when the answer has begun')
    this.#finish('fail')
    const { code, status, kind } = fault
    this.#options.link.send({
      kind: 'refusal',
      ray: this.#options.ray,
      code,
      status,
      shouldRetry: kind.shouldCallerRetry,
    })
  }

  #finish(how: string): void {
    if (this.#isOver) this.#options.watch.onMisuse(`${how} behind the end`)
    this.#isOver = true
    this.#stall?.cancel()
  }

  #taken(bytes: number): void {
    this.#buffered -= bytes
    if (!this.#isFull || this.#buffered > this.#options.bufferBytesMax / 2) return
    this.#isFull = false
    this.#wasFull = true
    this.#stall?.cancel()
    this.#stall = null
    if (!this.#isOver) this.onDrain()
  }

  #drop(): void {
    this.#options.link.breakOff()
    this.#gone()
  }

  #gone(): void {
    this.#stall?.cancel()
    if (this.#isOver) return
    this.#isOver = true
    this.onGone()
  }
}
