/**
 * Chooses how a call is spoken to an upstream: in its own language if the upstream speaks it, else translated, else not
 * at all.
 */
import type { Call, Route } from './call.ts'
import { ChatToMessages } from './chat-to-messages/chat-to-messages.ts'
import { MessagesToChat } from './messages-to-chat/messages-to-chat.ts'
import { SameTranslation } from './native/same.ts'
import { offersTools } from './offers-tools.ts'
import { ResponsesToChat } from './responses-to-chat/responses-to-chat.ts'
import { ToolCallHold } from './tool-call-hold.ts'
import type { EventSink, StreamReader, Translation, WholeAnswer } from './translation.ts'

export interface TranslateOptions {
  /**
   * Ask for token counts in OpenAI streams where the caller did not; false for upstreams that refuse `stream_options`.
   * Default true.
   */
  readonly wantsUsage?: boolean
  /** Wall time, milliseconds since 1970, for the `created` of answers whose upstream does not date them. Default 0. */
  readonly nowMs?: number
  /**
   * Ask for the ids of all tokens, for a server that tells them; they come as asides, and the caller sees them only if
   * it asked too. Same language on both sides only. Default false.
   */
  readonly wantsTokenIds?: boolean
  /**
   * Tool calls of a stream reach the caller whole or not at all: their pieces are held back until the call is complete.
   * Costs nothing where the call offers no tools. Default true.
   */
  readonly holdsToolCalls?: boolean
}

/**
 * @param spoken the routes that the upstream offers.
 * @param upstreamModel the model's name there.
 * @returns null when the upstream can not serve this call in any language.
 * @throws {Fault} HF_BAD_CALL when the call could be translated but for one field, which `param` names.
 */
export function translate(
  call: Call,
  spoken: ReadonlySet<Route>,
  upstreamModel: string,
  options: TranslateOptions = {},
): Translation | null {
  const { holdsToolCalls = true } = options
  const translation = choose(call, spoken, upstreamModel, options)
  const isHeld = translation !== null && holdsToolCalls && call.isStream && mayHoldToolCalls(call)
  return isHeld ? new HeldTranslation(call.route, translation) : translation
}

function choose(
  call: Call,
  spoken: ReadonlySet<Route>,
  upstreamModel: string,
  options: TranslateOptions,
): Translation | null {
  const { wantsUsage = true, nowMs = 0, wantsTokenIds = false } = options
  if (spoken.has(call.route)) return new SameTranslation(call, upstreamModel, { wantsUsage, wantsTokenIds })
  if (call.route === 'chat' && spoken.has('messages')) return new ChatToMessages(call, upstreamModel, { nowMs })
  if (call.route === 'messages' && spoken.has('chat')) return new MessagesToChat(call, upstreamModel, { wantsUsage })
  if (call.route === 'responses' && spoken.has('chat'))
    return new ResponsesToChat(call, upstreamModel, { wantsUsage, nowMs })
  return null
}

/** Pieces of several answers come in between each other, and none of those could be gone on with. */
function mayHoldToolCalls(call: Call): boolean {
  const isSingle = call.body.kind('n') !== 'number' || call.body.number('n') === 1
  return isSingle && offersTools(call)
}

class HeldTranslation implements Translation {
  readonly route: Route
  readonly body: readonly Buffer[]
  readonly headers: Translation['headers']
  #callerRoute: Route
  #inner: Translation

  constructor(callerRoute: Route, inner: Translation) {
    this.#callerRoute = callerRoute
    this.#inner = inner
    this.route = inner.route
    this.body = inner.body
    this.headers = inner.headers
  }

  streamReader(emit: EventSink): StreamReader {
    const hold = new ToolCallHold(this.#callerRoute, emit)
    const reader = this.#inner.streamReader(hold.emit)
    reader.calls = hold
    return reader
  }

  readWhole(body: Buffer): WholeAnswer {
    return this.#inner.readWhole(body)
  }
}
