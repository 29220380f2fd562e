/**
 * The caller speaks Anthropic messages, the upstream speaks OpenAI chat.
 *
 * | messages                                | chat                                                                 |
 * |-----------------------------------------|----------------------------------------------------------------------|
 * | system; messages: system                | a system message: first, or where it stood                           |
 * | user: text, image, document             | text, image_url (base64 → data URL), file or text                    |
 * | user: tool_result                       | a tool message each, ahead of the rest of the turn; images follow as |
 * |                                         | user words                                                           |
 * | assistant: text, tool_use               | content, tool_calls                                                  |
 * | assistant: thinking without a signature | reasoning_content: it came from such a server through us             |
 * | assistant: thinking with a signature    | dropped, as is redacted_thinking: another model's                    |
 * | max_tokens                              | max_tokens; max_completion_tokens for OpenAI's own models, which     |
 * |                                         | insist                                                               |
 * | temperature, top_p, top_k, stream       | the same                                                             |
 * | stop_sequences                          | stop                                                                 |
 * | tools (custom), tool_choice             | tools: function; tool_choice auto, required, named, none             |
 * | tool_choice.disable_parallel_tool_use   | parallel_tool_calls: false                                           |
 * | output_config.format                    | response_format: json_schema                                         |
 * | output_config.effort                    | reasoning_effort (xhigh, max → high)                                 |
 * | metadata.user_id, up to 64 characters   | user                                                                 |
 * | refused (HF_BAD_CALL)                   | tools that run at the provider, mcp_servers, containers, search      |
 * |                                         | results, files by id, documents by URL                               |
 * | dropped as harmless                     | thinking, cache_control, citations, is_error, service_tier, speed,   |
 * |                                         | and fields not named here                                            |
 *
 * | chat answers                             | messages                                                            |
 * |------------------------------------------|---------------------------------------------------------------------|
 * | reasoning_content, content, refusal      | thinking with an empty signature (none is forged), text, text       |
 * | tool_calls                               | tool_use; arguments that are no JSON object: HF_UPSTREAM_GARBLED    |
 * | stop, length, tool_calls, content_filter | end_turn (stop_sequence where the server says which), max_tokens,   |
 * |                                          | tool_use, refusal                                                   |
 * | usage                                    | input without the cached, cache_read_input_tokens, output; in a     |
 * |                                          | stream all at its end                                               |
 * | id, model                                | the same                                                            |
 */
import type { Call } from '../call.ts'
import type { StreamReader, Translation, WholeAnswer } from '../translation.ts'
import { toChatRequest } from './chat-request.ts'
import { toMessage } from './message.ts'
import { MessageEventReader } from './message-event-reader.ts'

export interface MessagesToChatOptions {
  /** Ask for token counts in streams. */
  readonly wantsUsage: boolean
}

export class MessagesToChat implements Translation {
  readonly route = 'chat'
  readonly body: readonly Buffer[]
  readonly headers = {}
  #model: string

  /** @throws {Fault} HF_BAD_CALL with `param` for what is wrong or cannot be translated. */
  constructor(call: Call, upstreamModel: string, options: MessagesToChatOptions) {
    this.body = [Buffer.from(JSON.stringify(toChatRequest(call.body.whole(), upstreamModel, options.wantsUsage)))]
    this.#model = upstreamModel
  }

  streamReader(emit: (event: Buffer) => void): StreamReader {
    return new MessageEventReader(emit, this.#model)
  }

  readWhole(body: Buffer): WholeAnswer {
    return toMessage(body, this.#model)
  }
}
