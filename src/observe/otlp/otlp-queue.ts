/**
 * What waits for a receiver of telemetry: bounded, sent in batches, one at a time, tried again after a wait that grows.
 * A receiver that is slow, hangs or is gone costs what waits, never a call.
 */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'

export interface OtlpAnswer {
  readonly status: number
  /** What the receiver asks to wait, milliseconds; null for nothing. */
  readonly retryAfterMs: number | null
  /** The body, as far as it was read. */
  readonly body: string
}

/** Rejects when nothing was answered. */
export type OtlpPost = (body: Buffer, signal: AbortSignal) => Promise<OtlpAnswer>

export type OtlpOutcome = 'sent' | 'refused' | 'dropped'

export interface OtlpQueueOptions {
  readonly clock: Clock
  readonly random: Random
  readonly post: OtlpPost
  /** What stands before and behind the items of a request, which are joined by commas. */
  readonly frame: readonly [before: string, after: string]
  readonly bytesMax: number
  readonly timeoutMs: number
  /** What became of so many of them. */
  readonly onOutcome: (outcome: OtlpOutcome, count: number) => void
  /** The receiver cannot be reached, or can again. */
  readonly onTrouble: (words: string | null) => void
}

/** A batch goes out when it has this size, or after this time. */
const batchBytes = 256 * 1024
const batchItemsMax = 512
const gatherMs = 2000
/** The first wait before a batch is sent again, and the longest. */
const retryMs = 1000
/** At the end of the process. */
const closeMs = 2000
const retryMsMax = 30_000
/** A batch that has been sent so often in vain is dropped: what comes behind it is newer. */
const triesMax = 6
/** A receiver that refuses for these reasons may take it later (OTLP 1.x, section on failures). */
const fleeting: ReadonlySet<number> = new Set([429, 502, 503, 504])

interface Item {
  /** With a comma behind it. Bytes at once: as texts they would wait long enough to trouble the garbage collector. */
  readonly bytes: Buffer
  /** Spans, or whatever is counted, in it. */
  readonly count: number
}

export class OtlpQueue implements AsyncDisposable {
  #options: OtlpQueueOptions
  #items: Item[] = []
  #bytes = 0
  #timer: Timer | null = null
  #sending: Promise<void> | null = null
  #waiting: (() => void) | null = null
  #aborter: AbortController | null = null
  /** Of the batch that was sent last. */
  #refusedCount = 0
  #isClosed = false
  #isInTrouble = false

  constructor(options: OtlpQueueOptions) {
    this.#options = options
  }

  /** Bytes that wait, those being sent among them. */
  get bytes(): number {
    return this.#bytes
  }

  /** `text`: one item or several, joined by commas. */
  push(text: string, count: number): void {
    const bytes = this.#isClosed ? null : Buffer.from(`${text},`)
    if (!bytes || this.#bytes + bytes.length > this.#options.bytesMax) return this.#options.onOutcome('dropped', count)
    this.#items.push({ bytes, count })
    this.#bytes += bytes.length
    if (this.#sending) return
    if (this.#isBatchFull) this.#begin()
    else this.#timer ??= this.#options.clock.after(gatherMs, () => this.#begin())
  }

  #begin(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#sending || this.#items.length === 0) return
    this.#sending = this.#drain().finally(() => (this.#sending = null))
  }

  async #drain(): Promise<void> {
    do {
      const { bytes, count } = this.#take()
      const outcome = await this.#send(this.#framed(bytes))
      const refusedCount = Math.min(count, this.#refusedCount)
      this.#options.onOutcome(outcome, count - refusedCount)
      if (refusedCount > 0) this.#options.onOutcome('refused', refusedCount)
      this.#bytes -= bytes.length
      if (this.#isClosed && outcome !== 'sent') return
    } while (this.#isClosed ? this.#items.length > 0 : this.#isBatchFull)
    if (this.#items.length > 0) this.#timer ??= this.#options.clock.after(gatherMs, () => this.#begin())
  }

  get #isBatchFull(): boolean {
    return this.#items.length >= batchItemsMax || this.#bytes >= batchBytes
  }

  #take(): Item {
    let length = 0
    let end = 0
    while (end < this.#items.length && end < batchItemsMax && length < batchBytes)
      length += (this.#items[end++] as Item).bytes.length
    const taken = this.#items.splice(0, end)
    const count = taken.reduce((sum, item) => sum + item.count, 0)
    return { bytes: Buffer.concat(taken.map((item) => item.bytes)), count }
  }

  #framed(items: Buffer): Buffer {
    const [before, after] = this.#options.frame
    return Buffer.concat([Buffer.from(before), items.subarray(0, -1), Buffer.from(after)])
  }

  async #send(body: Buffer): Promise<OtlpOutcome> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#post(body)
      this.#refusedCount = 0
      if (typeof answer !== 'string' && answer.status >= 200 && answer.status < 300) {
        this.#refusedCount = refusedIn(answer.body)
        this.#tell(null)
        return 'sent'
      }
      const isFleeting = typeof answer === 'string' || fleeting.has(answer.status)
      this.#tell(typeof answer === 'string' ? answer : `status ${answer.status}`)
      if (!isFleeting) return 'refused'
      if (tries >= triesMax || this.#isClosed) return 'dropped'
      await this.#wait(tries, typeof answer === 'string' ? null : answer.retryAfterMs)
    }
  }

  /** The answer, or the words of what went wrong. */
  async #post(body: Buffer): Promise<OtlpAnswer | string> {
    const { clock, post, timeoutMs } = this.#options
    const aborter = (this.#aborter = new AbortController())
    const { promise: late, resolve } = Promise.withResolvers<string>()
    using _ = clock.after(timeoutMs, () => {
      resolve(`no answer within ${timeoutMs} ms`)
      aborter.abort()
    })
    try {
      return await Promise.race([post(body, aborter.signal), late])
    } catch (error) {
      return String(error)
    }
  }

  /** Full jitter, but never sooner than the receiver asked for. */
  #wait(tries: number, askedMs: number | null): Promise<void> {
    const { clock, random } = this.#options
    const limitMs = Math.min(retryMsMax, retryMs * 2 ** (tries - 1))
    const waitMs = Math.max(Math.min(askedMs ?? 0, retryMsMax), limitMs * (0.5 + random.unit() / 2))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = resolve
    clock.after(waitMs, resolve)
    return promise
  }

  /** Once at the beginning of a trouble, once at its end. */
  #tell(words: string | null): void {
    if (this.#isInTrouble === (words !== null)) return
    this.#isInTrouble = words !== null
    this.#options.onTrouble(words)
  }

  /** Sends what waits once more, for two seconds at most, and drops the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#waiting?.()
    this.#begin()
    using _ = this.#options.clock.after(closeMs, () => this.#aborter?.abort(new Error('the gateway closes')))
    await this.#sending
    const left = this.#items.reduce((sum, { count }) => sum + count, 0)
    if (left > 0) this.#options.onOutcome('dropped', left)
  }
}

/** What the receiver did not take of a batch that it took (`partialSuccess`). */
function refusedIn(body: string): number {
  if (!body.includes('partialSuccess')) return 0
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: Record<string, unknown> }
    const count = Number(partialSuccess?.['rejectedSpans'] ?? partialSuccess?.['rejectedDataPoints'] ?? 0)
    return Number.isFinite(count) ? Math.max(0, count) : 0
  } catch {
    return 0
  }
}
