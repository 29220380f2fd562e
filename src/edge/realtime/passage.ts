/**
 * Two connections of a WebSocket that are one: what comes by either leaves by the other, no faster than it is taken,
 * as long as its frames keep the rules. It ends when either side ends, when both are silent for long, when one takes
 * nothing for long, and with a word to the caller, between two frames, when the house closes, the caller has used up
 * what it may, or the server is gone without one.
 */
import type { Duplex } from 'node:stream'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import { FrameWatch } from './frame-watch.ts'
import { closeCode, closeFrame, maskedCloseFrame, textFrame } from './frames.ts'
import { letGo } from './let-go.ts'
import type { Meter } from './meter.ts'

const lookMs = 5000
/** Servers and clients ping each other far more often. */
const silentMsMax = 600_000
/** A frame under way has so long to end before the house closes over it. */
const closingMs = 1000
/** A response goes on so long after its caller has used up what it may. */
const overtimeMs = 60_000
const keepAliveMs = 30_000
/** Events that say what was used are far smaller; they may hold the text of a whole answer. */
const serverTextBytesMax = 2 ** 20
const callerTextBytesMax = 2 ** 16

export interface PassageOptions {
  readonly clock: Clock
  /** How long one side may take nothing that waits for it. */
  readonly stalledMs: number
  readonly frameBytesMax: number
  /** Extensions were agreed upon. */
  readonly hasExtensions: boolean
  /** Reads the events that pass; null where nobody does. */
  readonly meter: Meter | null
  /** An event that tells the caller why it ends; null where it would mean nothing to it. */
  readonly eventOf: (fault: Fault) => Buffer | null
  /** Once: with the bytes that went to the caller and to the server, and what went wrong. */
  readonly onEnd: (end: PassageEnd) => void
}

export interface PassageEnd {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly fault: Fault | null
}

export class Passage {
  #caller: Duplex
  #server: Duplex
  #options: PassageOptions
  #toCallerWatch: FrameWatch
  #toServerWatch: FrameWatch
  #toCallerBytes = 0
  #toServerBytes = 0
  /** When anything moved; monotonic. */
  #movedMs: number
  #isEnded = false
  /** Not all that came from the caller went to the server. */
  #isCutOff = false
  /** It ends once no frame is under way to the caller: with this code, for this reason. */
  #farewell: { readonly code: number; readonly fault: Fault | null } | null = null
  #timers = new DisposableStack()
  /** A response goes on whose caller has used up what it may. */
  #isInOvertime = false

  /** `first`: what each has said before. */
  constructor(caller: Duplex, server: Duplex, first: { caller: Buffer; server: Buffer }, options: PassageOptions) {
    this.#caller = caller
    this.#server = server
    this.#options = options
    const { clock, hasExtensions, frameBytesMax, meter } = options
    const rules = { hasExtensions, frameBytesMax }
    this.#toCallerWatch = new FrameWatch({
      ...{ ...rules, isMasked: false, textBytesMax: serverTextBytesMax },
      onText: meter ? (text) => meter.fromServer(text) : undefined,
    })
    this.#toServerWatch = new FrameWatch({
      ...{ ...rules, isMasked: true, textBytesMax: callerTextBytesMax },
      onText: meter ? (text) => meter.fromCaller(text) : undefined,
    })
    this.#movedMs = clock.monotonicMs()
    this.#timers.use(clock.every(lookMs, () => this.#look()))
    this.#tune(caller, () => this.#end(null))
    this.#tune(server, () => this.#serverGone())
    server.on('data', (bytes: Buffer) => this.#toCaller(bytes))
    caller.on('data', (bytes: Buffer) => this.#toServer(bytes))
    if (first.server.length > 0) this.#toCaller(first.server)
    if (first.caller.length > 0) this.#toServer(first.caller)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Ends it with a word, between two frames. */
  close(): void {
    this.#sayFarewell(closeCode.restart, null)
  }

  /** Ends it with the reason. */
  refuse(fault: Fault): void {
    this.#sayFarewell(fault.code === 'HF_KEY_RATE' ? closeCode.comeLater : closeCode.policy, fault)
  }

  destroy(): void {
    this.#end(null)
  }

  #tune(side: Duplex, onGone: () => void): void {
    if ('setNoDelay' in side) {
      const socket = side as Duplex & { setNoDelay(on: boolean): void; setKeepAlive(on: boolean, ms: number): void }
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepAliveMs)
    }
    side.on('error', () => {}) // `close` follows
    side.on('close', onGone)
    side.on('end', onGone)
    side.on('drain', () => this.#drained())
  }

  #toCaller(bytes: Buffer): void {
    if (this.#isEnded) return
    this.#movedMs = this.#options.clock.monotonicMs()
    const passing = this.#toCallerWatch.push(bytes)
    this.#toCallerBytes += passing.length
    if (passing.length > 0 && !this.#caller.write(passing)) this.#server.pause()
    const { flaw } = this.#toCallerWatch
    if (flaw) return this.#sayFarewell(closeCode.badGateway, new Fault('HF_UPSTREAM_GARBLED', { detail: flaw.why }))
    if (this.#farewell && this.#toCallerWatch.isBetween) this.#sayLast(this.#farewell)
    else this.#settleUp()
  }

  #toServer(bytes: Buffer): void {
    if (this.#isEnded) return
    this.#movedMs = this.#options.clock.monotonicMs()
    const passing = this.#toServerWatch.push(bytes)
    // What asked for too much is not passed on, nor what comes behind it.
    this.#settleUp()
    if (this.#farewell?.fault || this.#options.meter?.isDenied) this.#isCutOff = true
    if (this.#isEnded || this.#isCutOff) return
    this.#options.meter?.passed()
    this.#toServerBytes += passing.length
    if (passing.length > 0 && !this.#server.write(passing)) this.#caller.pause()
    const { flaw } = this.#toServerWatch
    if (flaw) this.#sayFarewell(flaw.code, new Fault('HF_BAD_HTTP', { detail: flaw.why }))
  }

  /** Who has used up what he may is told so between two responses. */
  #settleUp(): void {
    const { meter, clock } = this.#options
    const refusal = meter?.refusal
    if (!meter || !refusal || this.#farewell) return
    if (meter.isAtBoundary) return this.refuse(refusal)
    if (this.#isInOvertime) return
    this.#isInOvertime = true
    this.#timers.use(clock.after(overtimeMs, () => this.refuse(refusal)))
  }

  #serverGone(): void {
    if (this.#isEnded) return
    if (this.#toCallerWatch.hasClosed || this.#toServerWatch.hasClosed) return this.#end(null)
    const fault = new Fault('HF_UPSTREAM_CUT', { detail: 'it left without a close frame' })
    // Within a frame there is no place for a word: the connection breaks, which nobody takes for an end.
    if (!this.#toCallerWatch.isBetween) return this.#end(fault)
    this.#sayFarewell(closeCode.badGateway, fault)
  }

  #drained(): void {
    this.#movedMs = this.#options.clock.monotonicMs()
    if (!this.#caller.writableNeedDrain) this.#server.resume()
    if (!this.#server.writableNeedDrain) this.#caller.resume()
  }

  #look(): void {
    const stillMs = this.#options.clock.monotonicMs() - this.#movedMs
    const isHeldUp = this.#caller.writableNeedDrain || this.#server.writableNeedDrain
    if (stillMs >= (isHeldUp ? this.#options.stalledMs : silentMsMax)) this.#end(null)
  }

  #sayFarewell(code: number, fault: Fault | null): void {
    if (this.#farewell || this.#isEnded) return
    this.#farewell = { code, fault }
    if (this.#toCallerWatch.isBetween) return this.#sayLast(this.#farewell)
    this.#timers.use(this.#options.clock.after(closingMs, () => this.#end(fault)))
  }

  #sayLast({ code, fault }: { code: number; fault: Fault | null }): void {
    if (!this.#toCallerWatch.hasClosed) {
      const event = fault && this.#options.eventOf(fault)
      if (event && !this.#toCallerWatch.isWithinMessage) this.#caller.write(textFrame(event))
      this.#caller.write(closeFrame(code, fault?.code ?? ''))
    }
    this.#end(fault)
  }

  #end(fault: Fault | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#timers.dispose()
    const isPolite =
      !this.#isCutOff && this.#toServerWatch.isBetween && !this.#toServerWatch.hasClosed && this.#server.writable
    if (isPolite) this.#server.write(maskedCloseFrame(closeCode.goingAway))
    const { clock, stalledMs } = this.#options
    for (const side of [this.#caller, this.#server]) letGo(side, clock, stalledMs)
    const [sentBytes, receivedBytes] = [this.#toCallerBytes, this.#toServerBytes]
    this.#options.meter?.leave()
    this.#options.onEnd({ sentBytes, receivedBytes, fault })
  }
}
