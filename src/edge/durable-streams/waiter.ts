/** A reader that waits for news of its stream, one of a bounded number. */
import type { ServerResponse } from 'node:http'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { StreamInfo } from '../../store/stream-store.ts'
import type { Readable } from './readable.ts'

/**
 * Watches from its beginning, so that nothing is missed between a read and the wait after it. Each has its own memory
 * of having been woken.
 */
export class Waiter implements Disposable {
  /** The reader has left, or the gateway closes: there is nothing to wait for. */
  isStopped = false
  #clock: Clock
  #hasNews = false
  #wake: (() => void) | null = null
  #watch: Disposable
  #leave: () => void

  constructor(clock: Clock, stream: Readable, response: ServerResponse, leave: () => void) {
    this.#clock = clock
    this.#leave = leave
    this.#watch = stream.watch(() => this.#tell())
    response.on('close', () => this.stop())
  }

  /** Resolves when there may be news since the last call, after `waitMs`, or when it is stopped. */
  async next(waitMs: number): Promise<void> {
    if (!this.#hasNews && !this.isStopped) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      using _ = this.#clock.after(waitMs, resolve)
      await promise
      this.#wake = null
    }
    this.#hasNews = false
  }

  stop(): void {
    this.isStopped = true
    this.#tell()
  }

  #tell(): void {
    this.#hasNews = true
    this.#wake?.()
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
    this.#leave()
  }
}

/** All that wait on this node. */
export class Waiters {
  #clock: Clock
  #countMax: number
  #waiters = new Set<Waiter>()
  #isClosing = false

  constructor(clock: Clock, countMax: number) {
    this.#clock = clock
    this.#countMax = countMax
  }

  get count(): number {
    return this.#waiters.size
  }

  /** @throws {Fault} HF_STREAM_BUSY */
  open(stream: Readable, response: ServerResponse): Waiter {
    if (this.#waiters.size >= this.#countMax)
      throw new Fault('HF_STREAM_BUSY', { detail: `${this.#countMax} readers wait already`, retryAfterMs: 1000 })
    const waiter = new Waiter(this.#clock, stream, response, () => this.#waiters.delete(waiter))
    this.#waiters.add(waiter)
    if (this.#isClosing || response.destroyed) waiter.stop()
    return waiter
  }

  /** Lets everybody go; who comes later does not wait. */
  close(): void {
    this.#isClosing = true
    for (const waiter of [...this.#waiters]) waiter.stop()
  }
}

/** A stream that is waited for is not idle: it is touched well before its time is over. */
export function restMs({ ttlSeconds }: StreamInfo): number {
  return ttlSeconds === null ? Number.POSITIVE_INFINITY : Math.max(50, (ttlSeconds * 1000) / 3)
}
