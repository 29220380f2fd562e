/**
 * One answer that a simulated model server is giving, token by token, and the faults that strike in the
 * middle of it.
 */
import type { Plan } from '../../lab/prompt/plan.ts'
import type { Ask } from '../../lab/sim/read-ask.ts'
import { decode } from '../../lab/vocabulary.ts'
import { ChatVoice } from '../../lab/voice/chat-voice.ts'
import { CompletionsVoice } from '../../lab/voice/completions-voice.ts'
import { MessagesVoice } from '../../lab/voice/messages-voice.ts'
import { ResponsesVoice } from '../../lab/voice/responses-voice.ts'
import type { Usage, Voice, VoiceContext } from '../../lab/voice/voice.ts'
import type { Route } from '../../src/dialect/call.ts'
import type { Chance } from './chance.ts'
import type { ServerSide, ServerTraits } from './server-side.ts'
import type { WorldTime } from './world-time.ts'

/** What can go wrong with one call. `garbage` is one malformed event and then on; the others end the answer. */
export type CallFault =
  | { readonly kind: 'refusal'; readonly status: number; readonly retryAfterS: number | null }
  | { readonly kind: 'cut' | 'truncate' | 'error-event' | 'garbage'; readonly afterTokens: number }
  /** The finish is said, and then the connection breaks; or it ends without the end mark. */
  | { readonly kind: 'cut-after-finish' | 'no-done' }
  /** Silence from some token on, with the connection open. */
  | { readonly kind: 'hang'; readonly afterTokens: number }
  | { readonly kind: 'slow'; readonly factor: number }

/** What an answer needs of the server that gives it. */
export interface Speaker {
  readonly name: string
  readonly traits: ServerTraits
  readonly time: WorldTime
  readonly chance: Chance
  /** Says nothing until then, on the world's clock. */
  readonly stalledUntilMs: number
}

const voices: Partial<Record<Route, new (context: VoiceContext) => Voice>> = {
  chat: ChatVoice,
  completions: CompletionsVoice,
  messages: MessagesVoice,
  responses: ResponsesVoice,
}

const timing = { promptMs: 1, answerMs: 1 }

export class Generation {
  #server: Speaker
  #side: ServerSide
  #ask: Ask
  #plan: Plan
  #voice: Voice
  #fault: CallFault | null
  #onOver: (wasLeft: boolean) => void
  #saidCount = 0
  #isOver = false
  #isHanging = false

  constructor(
    server: Speaker,
    side: ServerSide,
    route: Route,
    ask: Ask,
    { fault, echoes }: { fault: CallFault | null; echoes: boolean },
    onOver: (wasLeft: boolean) => void,
  ) {
    this.#server = server
    this.#side = side
    this.#ask = ask
    this.#fault = fault
    this.#onOver = onOver
    const { profile } = server.traits
    const plans = echoes ? ask.plans.map(withEcho) : ask.plans
    const [plan] = plans
    const VoiceOfRoute = voices[route]
    if (!plan || !VoiceOfRoute) throw new RangeError(`nothing is generated at ${route}`)
    this.#plan = plan
    const id = `${server.name}x${server.chance.whole(0, 2 ** 30).toString(36)}`
    const createdS = Math.floor(server.time.nowMs() / 1000)
    const { wantsUsage, wantsTokenIds } = ask
    this.#voice = new VoiceOfRoute({ id, model: 'lab', createdS, profile, plans, wantsUsage, wantsTokenIds })
    side.onGone = () => this.#end(true)
  }

  start(): void {
    const { firstTokenMs } = this.#server.traits
    this.#wait(firstTokenMs * this.#server.chance.between(0.5, 1.5), () => this.#begin())
  }

  /** The server dies. */
  breakOff(): void {
    if (this.#isOver) return
    this.#side.send({ kind: 'reset' })
    this.#end(false)
  }

  strike(fault: CallFault): void {
    this.#fault = 'afterTokens' in fault ? { ...fault, afterTokens: this.#saidCount } : fault
  }

  #begin(): void {
    if (this.#ask.isStream) {
      this.#side.send({ kind: 'head', status: 200, headers: { 'content-type': 'text/event-stream' } })
      this.#say(this.#voice.begin(this.#usage().promptTokens, 0))
    }
    this.#token()
  }

  #token(): void {
    if (this.#strikes()) return
    if (this.#saidCount === this.#plan.count) return this.#finish()
    const { chance, traits } = this.#server
    // Servers say several tokens at once when they are busy.
    const count = chance.happens(0.2) ? Math.min(chance.whole(2, 4), this.#plan.count - this.#saidCount) : 1
    const from = this.#saidCount
    this.#saidCount += count
    if (this.#ask.isStream) this.#say(this.#voice.pieces(0, from, this.#saidCount))
    const slowness = this.#fault?.kind === 'slow' ? this.#fault.factor : 1
    this.#wait(traits.tokenMs * slowness * chance.between(0.3, 1.7), () => this.#token())
  }

  /** True when the fault that was waiting has ended the answer. */
  #strikes(): boolean {
    const fault = this.#fault
    if (!fault || !('afterTokens' in fault) || this.#saidCount < fault.afterTokens) return false
    this.#fault = null
    if (fault.kind === 'garbage') {
      if (this.#ask.isStream) this.#say('data: {"id":"x","choices":[{"index":0,"del\n\n')
      return false
    }
    if (fault.kind === 'hang') {
      this.#isHanging = true
      return true
    }
    if (fault.kind === 'error-event' && this.#ask.isStream) this.#say(this.#voice.error('out of memory'))
    this.#side.send({ kind: fault.kind === 'cut' || !this.#ask.isStream ? 'reset' : 'end' })
    this.#end(false)
    return true
  }

  #finish(): void {
    if (!this.#ask.isStream) return this.#sendWhole()
    const last = this.#voice.end(0) + this.#voice.close(this.#usage(), timing)
    const kind = this.#fault?.kind
    if (kind === 'cut-after-finish') {
      // The finish itself arrives; what the reset may take with it is only what comes behind.
      this.#say(last)
      return this.#wait(50, () => this.breakOff())
    }
    this.#say(kind === 'no-done' ? last : last + this.#voice.done)
    this.#side.send({ kind: 'end' })
    this.#end(false)
  }

  #sendWhole(): void {
    const bytes = Buffer.from(JSON.stringify(this.#voice.whole(this.#usage(), timing)))
    const headers = { 'content-type': 'application/json', 'content-length': String(bytes.length) }
    this.#side.send({ kind: 'head', status: 200, headers })
    this.#side.send({ kind: 'bytes', bytes })
    this.#side.send({ kind: 'end' })
    this.#end(false)
  }

  #say(text: string): void {
    if (text !== '') this.#side.send({ kind: 'bytes', bytes: Buffer.from(text) })
  }

  /** Time passes for this answer; more of it while the whole server says nothing. */
  #wait(delayMs: number, then: () => void): void {
    const { time } = this.#server
    time.after(delayMs, () => {
      if (this.#isOver || this.#isHanging) return
      const stalledMs = this.#server.stalledUntilMs - time.monotonicMs()
      if (stalledMs > 0) this.#wait(stalledMs, then)
      else then()
    })
  }

  #usage(): Usage {
    return { promptTokens: this.#plan.prompt.ids.length, completionTokens: this.#plan.count, cachedTokens: 0 }
  }

  #end(wasLeft: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver(wasLeft)
  }
}

/** A server that repeats a continued beginning says it before its first token. */
function withEcho(plan: Plan): Plan {
  const { ids, answered } = plan.prompt
  if (answered === 0 || plan.count === 0) return plan
  const given = decode(ids.slice(ids.length - answered))
  return { ...plan, textAt: (at) => (at === 0 ? given : '') + plan.textAt(at) }
}
