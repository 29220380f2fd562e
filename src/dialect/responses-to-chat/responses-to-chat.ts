/**
 * The caller speaks OpenAI responses, the upstream speaks chat only. Nothing is kept from one call to the next.
 *
 * | responses                                  | chat                                                              |
 * |--------------------------------------------|-------------------------------------------------------------------|
 * | instructions, leading system, developer    | one system message                                                |
 * | later system, developer                    | a system message where it stood                                   |
 * | input: text                                | a user message                                                    |
 * | input_text, output_text, refusal           | text                                                              |
 * | input_image, input_file (file_data)        | image_url, file                                                   |
 * | function_call                              | tool_calls of one assistant message, with the text before it      |
 * | function_call_output                       | a tool message                                                    |
 * | reasoning with its text                    | reasoning_content of the assistant message that follows; dropped  |
 * |                                            | if encrypted                                                      |
 * | max_output_tokens                          | max_tokens; max_completion_tokens for OpenAI's own models         |
 * | temperature, top_p, stream,                | the same                                                          |
 * | parallel_tool_calls, user                  |                                                                   |
 * | tools: function                            | tools: function                                                   |
 * | tool_choice none, auto, required, named    | the same; allowed_tools leaves the other tools out                |
 * | text.format                                | response_format                                                   |
 * | reasoning.effort                           | reasoning_effort (minimal → low; xhigh, max → high)               |
 * | refused (HF_BAD_CALL)                      | background, previous_response_id, conversation, prompt, other     |
 * |                                            | tools and items, files by id or URL, top_logprobs, moderation     |
 * | dropped as harmless                        | store (the gateway stores; told back), include, metadata (told    |
 * |                                            | back), truncation, service_tier, verbosity,                       |
 * |                                            | prompt_cache_*, max_tool_calls, and fields not named here         |
 *
 * | chat answers           | responses                                                                      |
 * |------------------------|--------------------------------------------------------------------------------|
 * | reasoning_content      | a reasoning item with its text                                                 |
 * | content, refusal       | a message item with one part                                                   |
 * | tool_calls             | a function_call item each                                                      |
 * | stop, tool_calls       | completed                                                                      |
 * | length, content_filter | incomplete: max_output_tokens, content_filter                                  |
 * | id                     | the same behind `resp_`, and behind `msg_`, `rs_`, `fc_` with the item's index |
 */
import type { Call } from '../call.ts'
import type { StreamReader, Translation, WholeAnswer } from '../translation.ts'
import { toChatRequest } from './chat-request.ts'
import { ResponseEventReader } from './response-event-reader.ts'
import { ResponseEnvelope, toResponse } from './response.ts'

export interface ResponsesToChatOptions {
  /** When the call came, milliseconds since 1970; for upstreams that do not date their answers. */
  readonly nowMs: number
  /** Ask for token counts in streams. */
  readonly wantsUsage: boolean
}

export class ResponsesToChat implements Translation {
  readonly route = 'chat'
  readonly body: readonly Buffer[]
  readonly headers = {}
  #envelope: ResponseEnvelope

  /** @throws {Fault} HF_BAD_CALL with `param` for what is wrong or cannot be translated. */
  constructor(call: Call, upstreamModel: string, options: ResponsesToChatOptions) {
    const asked = call.body.whole()
    this.body = [Buffer.from(JSON.stringify(toChatRequest(asked, upstreamModel, options.wantsUsage)))]
    this.#envelope = new ResponseEnvelope(asked, upstreamModel, options.nowMs)
  }

  streamReader(emit: (event: Buffer) => void): StreamReader {
    return new ResponseEventReader(emit, this.#envelope)
  }

  readWhole(body: Buffer): WholeAnswer {
    return toResponse(body, this.#envelope)
  }
}
