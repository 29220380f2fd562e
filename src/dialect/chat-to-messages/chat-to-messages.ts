/**
 * The caller speaks OpenAI chat, the upstream speaks Anthropic messages.
 *
 * | chat                                    | messages                                                             |
 * |-----------------------------------------|----------------------------------------------------------------------|
 * | messages: system, developer             | `system`, in their order, wherever they stood                        |
 * | user: text, image_url, file (PDF data)  | text, image (data URL → base64, http URL → url), document            |
 * | assistant: content, refusal, tool_calls | text, text, tool_use (arguments parsed)                              |
 * | assistant: reasoning_content            | dropped: thinking without its signature is refused there             |
 * | tool                                    | tool_result, gathered in the user turn that follows                  |
 * | messages of one role in a row           | one message                                                          |
 * | max_completion_tokens, max_tokens       | max_tokens, which is required there: 4096 when the caller names none |
 * | temperature (0 to 2)                    | temperature, cut to 1                                                |
 * | top_p, top_k, stream                    | the same                                                             |
 * | stop                                    | stop_sequences                                                       |
 * | tools: function                         | tools; `parameters` → input_schema                                   |
 * | tool_choice none, auto, required, named | none, auto, any, tool; allowed_tools leaves the other tools out      |
 * | parallel_tool_calls: false              | tool_choice.disable_parallel_tool_use                                |
 * | response_format: json_schema            | output_config.format                                                 |
 * | reasoning_effort                        | output_config.effort (minimal → low; none → thinking disabled)       |
 * | safety_identifier, user                 | metadata.user_id                                                     |
 * | stream_options.include_usage            | a usage chunk made of the counts that messages always gives          |
 * | refused (HF_BAD_CALL)                   | n > 1, logprobs, logit_bias, audio in and out, web_search_options,   |
 * |                                         | moderation, functions, function_call, custom tools, json_object,     |
 * |                                         | files by id                                                          |
 * | dropped as harmless                     | seed, penalties, prediction, metadata, store, service_tier,          |
 * |                                         | verbosity, prompt_cache_*, names of speakers, image detail, and      |
 * |                                         | fields not named here                                                |
 *
 * | messages answers                          | chat                                          |
 * |-------------------------------------------|-----------------------------------------------|
 * | text, thinking, tool_use                  | content, reasoning_content, tool_calls        |
 * | end_turn, stop_sequence, pause_turn       | stop                                          |
 * | max_tokens, model_context_window_exceeded | length                                        |
 * | tool_use, refusal                         | tool_calls, content_filter                    |
 * | usage: input + cache read + cache write   | prompt_tokens, the read ones as cached_tokens |
 * | id, model                                 | the same; `created` is when the call came     |
 */
import type { Call } from '../call.ts'
import { isFields } from '../field.ts'
import { anthropicVersionDefault } from '../native/same.ts'
import type { StreamReader, Translation, WholeAnswer } from '../translation.ts'
import { ChatChunkReader } from './chat-chunk-reader.ts'
import { toChatCompletion, type ChatEnvelope } from './chat-completion.ts'
import { toMessagesRequest } from './messages-request.ts'

export interface ChatToMessagesOptions {
  /** When the call came, milliseconds since 1970. */
  readonly nowMs: number
}

export class ChatToMessages implements Translation {
  readonly route = 'messages'
  readonly body: readonly Buffer[]
  readonly headers = { 'anthropic-version': anthropicVersionDefault }
  #envelope: ChatEnvelope

  /** @throws {Fault} HF_BAD_CALL with `param` for what is wrong or cannot be translated. */
  constructor(call: Call, upstreamModel: string, options: ChatToMessagesOptions) {
    const asked = call.body.whole()
    this.body = [Buffer.from(JSON.stringify(toMessagesRequest(asked, upstreamModel)))]
    const streamOptions = asked['stream_options']
    this.#envelope = {
      createdS: Math.floor(options.nowMs / 1000),
      model: upstreamModel,
      wantsUsage: isFields(streamOptions) && streamOptions['include_usage'] === true,
    }
  }

  streamReader(emit: (event: Buffer) => void): StreamReader {
    return new ChatChunkReader(emit, this.#envelope)
  }

  readWhole(body: Buffer): WholeAnswer {
    return toChatCompletion(body, this.#envelope)
  }
}
