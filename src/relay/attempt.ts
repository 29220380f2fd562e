/**
 * One try of a call on one upstream. It sends the call in the upstream's language, reads what comes back into the
 * caller's, watches the clock, and tells its listener: events once the answer has content, then one end or one fault.
 */
import type { StreamReader, WholeAnswer } from '../dialect/translation.ts'
import { SseSplitter } from '../dialect/sse-splitter.ts'
import { readUpstreamError } from '../dialect/upstream-error.ts'
import { routes, type Usage } from '../dialect/call.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { ProgressShare } from '../fleet/progress.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { Gather } from '../ground/gather.ts'
import type { AttemptOrder } from './attempt-order.ts'
import { insteadOfStream } from './instead-of-stream.ts'
import { Rejoin, takeId } from './rejoin.ts'
import { joinHeaders } from './upstream-headers.ts'
import type { Flight, WireHead, WireReceiver } from './wire/wire.ts'

/** An upstream's error text is read up to this; the rest is of no use. */
const errorBytesMax = 64 * 2 ** 10
const nothing: Buffer = Buffer.alloc(0)

/** Events without content (role, pings) that are held back before the first; more than that is content enough. */
const heldEventsMax = 64
/** After the finish reason the upstream's own end mark is awaited this long; the answer is whole without it. */
const endMarkMs = 2000
/** A timer that comes so much too late tells of a process that was held up. */
const lateMsMin = 200
/** The limit between tokens may become shorter while an answer is under way: it is looked at this often. */
const watchMsMax = 3000

export interface AttemptListener {
  /** The first content has come: what follows may be delivered. */
  onCommit(): void
  /** An SSE event for the caller, in order; only after `onCommit`. `aside` is for the journal alone. */
  onEvent(event: Buffer, aside?: Buffer): void
  /** The bytes of one read have been dealt with: time to deliver. */
  onTurn(): void
  /** The streamed answer is whole. */
  onStreamEnd(): void
  onWhole(answer: WholeAnswer): void
  /** It is late, though its time is not over: can another upstream be asked in its place? Else it is waited for. */
  maySwitch(): boolean
  /** The attempt failed; nothing follows. */
  onFault(fault: Fault): void
}

/** An event for the caller, and what the journal keeps beside it. */
interface Said {
  readonly event: Buffer
  readonly aside: Buffer | undefined
}

export class Attempt implements WireReceiver {
  readonly order: AttemptOrder
  readonly beganMs: number
  receivedStatus: number | null = null
  usage: Usage | null = null
  finishReason: string | null = null
  /** A tool call of its answer has arguments that nobody can read. */
  hasBrokenCall = false
  /** When the first content came; null while none has. */
  firstContentMs: number | null = null
  #clock: Clock
  #listener: AttemptListener
  #flight: Flight | null = null
  #head: WireHead | null = null
  #reader: StreamReader | null = null
  #splitter: SseSplitter | null = null
  /** Events before the first content, or null once committed. */
  #held: Said[] | null = []
  /** What has come of an answer that is not streamed, or of an error. */
  #body: Gather | null = null
  #isOver = false
  #timer: Timer | null = null
  #sinceMs: number
  #firstTokenMs: number
  #contentSeen = 0
  /** How to come back to the same answer of the same upstream; null where that cannot be. */
  #rejoin: Rejoin | null = null
  /** What broke the connection over which the answer came before this one. */
  #brokenBy: Fault | null = null
  #wait: Timer | null = null
  /** Its part of the watch over the whole upstream. */
  #progress: ProgressShare

  constructor(clock: Clock, order: AttemptOrder, listener: AttemptListener) {
    this.#clock = clock
    this.order = order
    this.#listener = listener
    this.beganMs = clock.monotonicMs()
    this.#sinceMs = this.beganMs
    this.#progress = order.upstream.progress.expect(order.passage.promptTokens, order.isStream)
    this.#firstTokenMs = order.switchMs
  }

  /** From its beginning until its request was sent; null while it was not, and where it was sent in parts. */
  get connectMs(): number | null {
    const sentMs = this.#brokenBy ? null : (this.#flight?.sentMs ?? null)
    return sentMs === null ? null : sentMs - this.beganMs
  }

  get isCommitted(): boolean {
    return this.#held === null
  }

  get isStream(): boolean {
    return this.order.isStream
  }

  /** Tokens or, where they were not counted, content events so far. */
  get contentCount(): number {
    return this.#reader?.contentCount ?? 0
  }

  /** When the last piece of content came. */
  get progressedMs(): number {
    return this.#sinceMs
  }

  start(): void {
    const { wire, translation, upstream, timeouts, headers } = this.order
    this.#watch()
    this.#flight = wire.send(
      {
        method: 'POST',
        path: upstream.pathOf(translation.route),
        headers: joinHeaders(translation.headers, headers),
        body: translation.body,
        connectMs: timeouts.connectMs,
      },
      this,
    )
  }

  cancel(): void {
    this.#close()
  }

  /** Fails for a reason that is not its own, unless its answer is whole already. */
  breakOff(fault: Fault): void {
    if (!this.#reader?.isComplete) this.#fail(fault)
  }

  onHead(head: WireHead): void {
    if (this.#brokenBy) return this.#onRejoined(head, this.#brokenBy)
    this.#head = head
    this.receivedStatus = head.status
    this.order.upstream.quota?.read(head.headers)
    if (head.status !== 200 || !this.order.isStream) return
    const type = head.headers['content-type'] ?? ''
    if (!type.includes('text/event-stream')) {
      // An empty body says more than the missing type: wait for the end and judge the whole.
      if (head.headers['content-length'] === '0' || type === '') return
      // JSON may be an error that calls itself a success: it has words of its own.
      return type.includes('json') ? undefined : this.#fail(this.#instead())
    }
    this.#reader = this.order.translation.streamReader((event, aside) => this.#emit(event, aside))
    this.#splitter = new SseSplitter((event) => this.#read(event))
    this.#rejoin = Rejoin.of(head)
  }

  onBody(bytes: Buffer): void {
    if (this.#isOver) return
    if (!this.#splitter) return this.#brokenBy ? undefined : this.#collect(bytes)
    try {
      this.#splitter.push(bytes)
    } catch (thrown) {
      return this.#fail(toFault(thrown))
    }
    if (this.#isOver) return
    this.#noteProgress()
    if (this.isCommitted) this.#listener.onTurn()
  }

  onEnd(): void {
    if (this.#isOver) return this.#timer?.cancel()
    const status = this.#head?.status ?? 0
    if (status !== 200) return this.#fail(this.#upstreamError(status))
    if (!this.#reader) return this.#endWhole()
    if (!this.#reader.isComplete && this.#goBack(new Fault('HF_UPSTREAM_CUT', { detail: 'the stream ended early' })))
      return
    this.#endStream()
  }

  onFail(fault: Fault): void {
    if (this.#isOver) return
    // The finish had come: what broke was only the way out.
    if (this.#reader?.isComplete) return this.#endStream()
    if (!this.#goBack(fault)) this.#fail(fault)
  }

  /** Asks an upstream that keeps its answers for the rest of this one. False when it cannot be had so. */
  #goBack(fault: Fault): boolean {
    const rejoin = this.#reader ? this.#rejoin : null
    const waitMs = rejoin?.nextWaitMs() ?? null
    if (!rejoin || waitMs === null) return false
    this.#brokenBy = fault
    this.#splitter = null
    this.#wait?.cancel()
    this.#wait = this.#clock.after(waitMs, () => {
      const { wire, upstream, headers, timeouts } = this.order
      this.#flight = wire.send(rejoin.request(upstream.url, headers, timeouts.connectMs), this)
    })
    return true
  }

  #onRejoined(head: WireHead, fault: Fault): void {
    if (this.#isOver) return
    const isStream = head.status === 200 && (head.headers['content-type'] ?? '').includes('text/event-stream')
    if (isStream) this.#splitter = new SseSplitter((event) => this.#read(event))
    else this.#fail(fault)
  }

  #emit(event: Buffer, aside?: Buffer): void {
    if (this.#held) this.#held.push({ event, aside })
    else this.#listener.onEvent(event, aside)
  }

  #read(said: Buffer): void {
    const reader = this.#reader
    if (!reader || this.#isOver) return
    const { event, id } = takeId(said)
    // The last word of another gateway that closes is not part of its answer, of which the rest can be had.
    if (this.#rejoin && id === null) return
    if (id !== null) this.#rejoin?.received(id)
    reader.read(event)
    if (reader.failure) return this.#fail(reader.failure)
    // What it was meant to say is lost; without it the answer would have a hole that nobody sees.
    if (reader.malformedCount > 0)
      return this.#fail(new Fault('HF_UPSTREAM_GARBLED', { detail: 'an event of the stream makes no sense' }))
    if (this.#held && (reader.hasContent || this.#held.length > heldEventsMax)) this.#commit(this.#held)
    if (reader.isEnded) this.#endStream()
  }

  #commit(held: Said[]): void {
    this.#held = null
    this.firstContentMs = this.#clock.monotonicMs()
    this.order.passage.firstToken(this.firstContentMs)
    this.#progress.begin((silentMs) => this.#onHung(silentMs))
    this.#watch() // from here on the shorter limit between tokens counts
    this.#listener.onCommit()
    for (const { event, aside } of held) this.#listener.onEvent(event, aside)
  }

  #endStream(): void {
    const reader = this.#reader
    if (!reader || this.#isOver) return
    this.usage = reader.usage
    this.finishReason = reader.finishReason
    this.hasBrokenCall = (reader.calls?.brokenCount ?? 0) > 0
    if (!reader.isComplete) {
      if (this.isCommitted)
        return this.#fail(new Fault('HF_UPSTREAM_CUT', { detail: 'the stream ended without a finish reason' }))
      const code = this.#held?.length ? 'HF_UPSTREAM_CUT' : 'HF_UPSTREAM_EMPTY'
      return this.#fail(new Fault(code, { detail: 'the stream ended before any content' }))
    }
    if (this.#held) this.#commit(this.#held)
    reader.end()
    if (reader.failure) return this.#fail(reader.failure) // its last words do not fit what was said before
    this.#release()
    this.#listener.onStreamEnd()
  }

  /**
   * The answer is whole, the framing of its end may still be on the way: await it, so that the connection can serve
   * again.
   */
  #release(): void {
    this.#isOver = true
    this.#progress.end()
    this.#timer?.cancel()
    this.#timer = this.#clock.after(endMarkMs, () => this.#flight?.cancel())
  }

  #collect(bytes: Buffer): void {
    const { status = 0, headers } = this.#head ?? {}
    const { answerBytesMax } = this.order
    const announced = Number(headers?.['content-length'] ?? Number.NaN)
    if (status === 200 && announced > answerBytesMax) return this.#fail(new Fault('HF_UPSTREAM_TOO_LARGE'))
    this.#body ??= new Gather(announced <= answerBytesMax ? announced : null)
    const length = this.#body.length + bytes.length
    if (status !== 200 && length > errorBytesMax) return this.#fail(this.#upstreamError(status))
    if (this.order.isStream && length > errorBytesMax) return this.#fail(this.#instead())
    if (length > answerBytesMax) return this.#fail(new Fault('HF_UPSTREAM_TOO_LARGE'))
    this.#body.add(bytes, false)
  }

  #endWhole(): void {
    if (this.order.isStream) return this.#fail(this.#body ? this.#instead() : new Fault('HF_UPSTREAM_EMPTY'))
    let answer: WholeAnswer
    try {
      answer = this.order.translation.readWhole(this.#body?.take() ?? nothing)
    } catch (thrown) {
      return this.#fail(toFault(thrown))
    }
    this.usage = answer.usage
    this.finishReason = answer.finishReason
    this.hasBrokenCall = answer.hasBrokenCall ?? false
    this.#progress.token(this.#clock.monotonicMs())
    this.#close()
    this.#listener.onWhole(answer)
  }

  /** What came in place of a stream. */
  #instead(): Fault {
    const type = this.#head?.headers['content-type'] ?? ''
    return insteadOfStream(type, this.#body?.take() ?? null, this.order.translation)
  }

  #upstreamError(status: number): Fault {
    const family = routes[this.order.translation.route].family
    const headers = this.#head?.headers ?? {}
    return readUpstreamError(status, headers, this.#body?.take() ?? nothing, family, this.#clock.nowMs())
  }

  #fail(fault: Fault): void {
    if (this.#isOver) return
    this.usage ??= this.#reader?.usage ?? null
    this.#close()
    this.#listener.onFault(fault)
  }

  #close(): void {
    this.#isOver = true
    this.#progress.end()
    this.#timer?.cancel()
    this.#wait?.cancel()
    this.#body = null
    this.#flight?.cancel()
  }

  #noteProgress(): void {
    const count = (this.#reader?.contentCount ?? 0) + (this.#reader?.isComplete ? 1 : 0)
    if (count === this.#contentSeen) return
    const nowMs = this.#clock.monotonicMs()
    if (this.#contentSeen > 0) this.order.upstream.pace.observe(nowMs - this.#sinceMs)
    this.order.passage.progress(count - this.#contentSeen)
    this.#progress.token(nowMs)
    this.#contentSeen = count
    this.#sinceMs = nowMs
    if (!this.#reader?.isComplete) return
    this.#progress.end()
    this.#watch()
  }

  #limitMs(): number {
    const { timeouts, isStream, upstream } = this.order
    if (!isStream) return timeouts.wholeMs
    if (this.#reader?.isComplete) return Math.min(endMarkMs, timeouts.interTokenMs)
    return this.isCommitted ? upstream.progress.stallMs(this.#sinceMs, timeouts.interTokenMs) : this.#firstTokenMs
  }

  /** The upstream is silent on all its answers: this one is not waited for any longer. */
  #onHung(silentMs: number): void {
    const detail = `no answer of the server got on for ${Math.round(silentMs)} ms`
    this.#fail(new Fault('HF_UPSTREAM_STALLED', { detail }))
  }

  /** One lazy timer: no token moves it; it asks when it fires how long the silence has been. */
  #watch(): void {
    this.#timer?.cancel()
    if (this.#isOver) return
    const nowMs = this.#clock.monotonicMs()
    const waitMs = Math.min(watchMsMax, Math.max(1, this.#limitMs() - (nowMs - this.#sinceMs)))
    this.#timer = this.#clock.after(waitMs, () => this.#check(nowMs + waitMs))
  }

  /** `dueMs`: when it was to be called. What this process was late by is no silence of the upstream's. */
  #check(dueMs: number): void {
    const lateMs = this.#clock.monotonicMs() - dueMs
    if (lateMs > lateMsMin) this.#sinceMs += lateMs
    if (this.#isSilent)
      this.#clock.soon(() => this.#giveUp()) // what has come meanwhile is read first
    else this.#watch()
  }

  /** Nobody is there to take its place: it gets more time, as long as its own is not over. */
  #isWaitedFor(): boolean {
    const { isStream, timeouts } = this.order
    const isTimeOver = !isStream || this.isCommitted || this.#firstTokenMs >= timeouts.firstTokenMs
    if (isTimeOver || this.#listener.maySwitch()) return false
    this.#firstTokenMs = Math.min(timeouts.firstTokenMs, 2 * this.#firstTokenMs)
    return true
  }

  get #isSilent(): boolean {
    return this.#clock.monotonicMs() - this.#sinceMs >= this.#limitMs()
  }

  #giveUp(): void {
    if (this.#isOver) return
    if (!this.#isSilent) return this.#watch()
    if (this.#reader?.isComplete) return this.#endStream()
    if (this.#isWaitedFor()) return this.#watch()
    const code = this.isCommitted ? 'HF_UPSTREAM_STALLED' : 'HF_FIRST_TOKEN_TIMEOUT'
    const engineWords = this.order.upstream.progress.engineWords(this.#sinceMs)
    this.#fail(new Fault(code, { detail: `nothing for ${Math.round(this.#limitMs())} ms${engineWords}` }))
  }
}
