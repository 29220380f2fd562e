/**
 * Chooses how a call is spoken to an upstream: in its own language if the upstream speaks it, else translated, else not
 * at all.
 */
import type { Call, Route } from './call.ts'
import { ChatToMessages } from './chat-to-messages/chat-to-messages.ts'
import { MessagesToChat } from './messages-to-chat/messages-to-chat.ts'
import { SameTranslation } from './native/same.ts'
import { ResponsesToChat } from './responses-to-chat/responses-to-chat.ts'
import type { Translation } from './translation.ts'

export interface TranslateOptions {
  /**
   * Ask for token counts in OpenAI streams where the caller did not; false for upstreams that refuse `stream_options`.
   * Default true.
   */
  readonly wantsUsage?: boolean
  /** Wall time, milliseconds since 1970, for the `created` of answers whose upstream does not date them. Default 0. */
  readonly nowMs?: number
  /**
   * Ask for the ids of all tokens, for a server that tells them; they come as asides, and the caller sees them only if it
   * asked too. Same language on both sides only. Default false.
   */
  readonly wantsTokenIds?: boolean
  /**
   * Tool calls reach the caller whole or not at all: their pieces are held back until the call is complete. Costs nothing
   * where the call offers no tools. Default true.
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
  const { wantsUsage = true, nowMs = 0 } = options
  if (spoken.has(call.route)) return new SameTranslation(call, upstreamModel, { wantsUsage })
  if (call.route === 'chat' && spoken.has('messages')) return new ChatToMessages(call, upstreamModel, { nowMs })
  if (call.route === 'messages' && spoken.has('chat')) return new MessagesToChat(call, upstreamModel, { wantsUsage })
  if (call.route === 'responses' && spoken.has('chat'))
    return new ResponsesToChat(call, upstreamModel, { wantsUsage, nowMs })
  return null
}
