/**
 * One direction of one connection through the fault proxy: bytes wait in a line until they are due, in order, whatever
 * the toxics.
 */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../src/ground/clock.ts'
import type { Random } from '../../src/ground/random.ts'
import type { Toxic } from './toxic.ts'

/** Bytes, and pieces of whatever size, that wait in one direction before the sender is held up. */
const waitingBytesMax = 1 << 20
const waitingItemsMax = 4096

interface Item {
  /** What to pass on: bytes, the sender's end, or the cut of the whole connection. */
  readonly what: Buffer | 'end' | 'rst' | 'fin'
  readonly dueMs: number
}

export interface PipeOptions {
  readonly clock: Clock
  readonly random: Random
  /** The toxics of this direction and connection, as they are now. */
  toxics(): readonly Toxic[]
  /** The bytes before a cut are out; the cut is due. */
  onCut(how: 'rst' | 'fin'): void
}

export class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #options: PipeOptions
  #line: Item[] = []
  #waitingBytes = 0
  /** When the last piece in line is due; nothing may overtake it. */
  #lastDueMs = 0
  /** When the narrow line is free again. */
  #freeMs = 0
  #takenBytes = 0
  #timer: Timer | null = null
  /** A cut is in line; what comes after it is not taken. */
  #isClosed = false
  #isOver = false

  constructor(from: Socket, to: Socket, options: PipeOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => {
      this.#enqueue('end', this.#options.clock.monotonicMs(), this.#options.toxics())
      this.#drain()
    })
    to.on('drain', () => this.#drain())
    this.refresh()
  }

  #has(kind: Toxic['kind']): boolean {
    return this.#options.toxics().some((toxic) => toxic.kind === kind)
  }

  get #isFull(): boolean {
    return this.#waitingBytes > waitingBytesMax || this.#line.length > waitingItemsMax
  }

  /** To be called when toxics or the other side changed. */
  refresh(): void {
    if (this.#isOver) return
    if (this.#has('blackhole') || this.#isFull) this.#from.pause()
    else this.#from.resume()
    this.#drain()
  }

  close(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#line = []
  }

  #take(bytes: Buffer): void {
    if (this.#isOver || this.#isClosed || this.#has('swallow')) return
    const toxics = this.#options.toxics()
    const limit = toxics.find((toxic) => toxic.kind === 'cut' && toxic.afterBytes !== null)
    const room = limit?.kind === 'cut' ? Math.max(0, (limit.afterBytes ?? 0) - this.#takenBytes) : Infinity
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes
    this.#takenBytes += kept.length
    const slicer = toxics.find((toxic) => toxic.kind === 'slicer')
    const size = slicer?.kind === 'slicer' ? slicer.bytes : kept.length
    const gapMs = slicer?.kind === 'slicer' ? slicer.delayMs : 0
    let atMs = this.#options.clock.monotonicMs()
    for (let start = 0; start < kept.length; start += size) {
      this.#enqueue(kept.subarray(start, start + size), atMs, toxics)
      atMs += gapMs
    }
    if (limit?.kind === 'cut' && this.#takenBytes >= (limit.afterBytes ?? 0)) {
      this.#enqueue(limit.how, atMs, toxics)
      this.#isClosed = true
    }
    if (this.#isFull) this.#from.pause()
    this.#drain()
  }

  #enqueue(what: Item['what'], arrivedMs: number, toxics: readonly Toxic[]): void {
    if (this.#isOver || this.#isClosed || (what === 'end' && toxics.some(({ kind }) => kind === 'swallow'))) return
    const size = typeof what === 'string' ? 0 : what.length
    let dueMs = arrivedMs
    for (const toxic of toxics) {
      if (toxic.kind === 'latency')
        dueMs += Math.max(0, toxic.ms + (this.#options.random.unit() * 2 - 1) * toxic.jitterMs)
      else if (toxic.kind === 'loss' && size > 0 && this.#options.random.unit() < toxic.probability) dueMs += toxic.ms
      else if (toxic.kind === 'bandwidth') {
        this.#freeMs = Math.max(this.#freeMs, arrivedMs) + (1000 * size) / toxic.bytesPerSecond
        dueMs += this.#freeMs - arrivedMs
      }
    }
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs)
    this.#line.push({ what, dueMs: this.#lastDueMs })
    this.#waitingBytes += size
  }

  /** Passes on what is due, as far as the receiver takes it. */
  #drain(): void {
    if (this.#isOver || this.#has('blackhole')) return
    this.#timer?.cancel()
    this.#timer = null
    const nowMs = this.#options.clock.monotonicMs()
    let passed = 0
    while (!this.#to.writableNeedDrain) {
      const next = this.#line[passed]
      if (!next) break
      if (next.dueMs > nowMs) {
        this.#timer = this.#options.clock.after(next.dueMs - nowMs, () => this.#drain())
        break
      }
      passed++
      this.#pass(next.what)
    }
    // All at once: taking the first of a long line away moves the whole line.
    this.#line.splice(0, passed)
    if (!this.#isFull && this.#from.isPaused()) this.#from.resume()
  }

  #pass(what: Item['what']): void {
    if (what === 'end') this.#to.end()
    else if (typeof what === 'string')
      this.#to.write('', () => this.#options.clock.soon(() => this.#options.onCut(what)))
    else {
      this.#waitingBytes -= what.length
      this.#to.write(what)
    }
  }
}
