/**
 * Caller and upstream speak the same language: the bytes pass as they are, but for the model's name in the request and
 * the token counts that we ask for. The answer names the model as the upstream does, also where the caller used an
 * alias: it is what answered.
 */
import { readWholeAnswer } from '../answer/whole-answer.ts'
import type { Call } from '../call.ts'
import { isFields } from '../field.ts'
import type { EventSink, StreamReader, Translation, WholeAnswer } from '../translation.ts'
import { ChatReader, type ChatReaderOptions } from './chat-reader.ts'
import { MessagesReader } from './messages-reader.ts'
import { ResponsesReader } from './responses-reader.ts'

export interface SameOptions {
  /** Ask for token counts in OpenAI streams where the caller did not; the caller sees no difference. Default true. */
  readonly wantsUsage?: boolean
  /** Ask for the ids of the tokens; the caller sees them only if it asked too. Default false. */
  readonly wantsTokenIds?: boolean
}

export class SameTranslation implements Translation {
  readonly route: Call['route']
  readonly body: readonly Buffer[]
  readonly headers: Readonly<Record<string, string>>
  #chatOptions: ChatReaderOptions

  /** @param upstreamModel the model's name at the upstream. */
  constructor(call: Call, upstreamModel: string, options: SameOptions = {}) {
    this.route = call.route
    this.headers = languageHeaders(call)
    const usageText = (options.wantsUsage ?? true) ? usageRequest(call) : null
    const changes: Record<string, string> = {}
    if (upstreamModel !== call.model) changes['model'] = JSON.stringify(upstreamModel)
    if (usageText !== null) changes['stream_options'] = usageText
    const hasAskedIds =
      call.body.kind('return_token_ids') === 'boolean' && call.body.boolean('return_token_ids') === true
    const wantsTokenIds = (options.wantsTokenIds ?? false) && call.isStream && isChatLike(call)
    if (wantsTokenIds && !hasAskedIds) changes['return_token_ids'] = 'true'
    this.body = Object.keys(changes).length === 0 ? [call.body.bytes] : call.body.with(changes)
    this.#chatOptions = {
      choiceCount: isChatLike(call) && call.isStream ? countChoices(call) : 1,
      dropsUsage: usageText !== null,
      tokenIds: !wantsTokenIds ? 'left' : hasAskedIds ? 'copied' : 'cut',
      model: upstreamModel,
    }
  }

  streamReader(emit: EventSink): StreamReader {
    if (this.route === 'messages') return new MessagesReader(emit)
    if (this.route === 'responses') return new ResponsesReader(emit)
    return new ChatReader(emit, this.#chatOptions)
  }

  readWhole(body: Buffer): WholeAnswer {
    return readWholeAnswer(this.route, body)
  }
}

/** The one version there has been; Anthropic refuses calls that name none. */
export const anthropicVersionDefault = '2023-06-01'

function languageHeaders(call: Call): Readonly<Record<string, string>> {
  if (call.route !== 'messages' && call.route !== 'count_tokens') return call.headers
  return { 'anthropic-version': anthropicVersionDefault, ...call.headers }
}

function isChatLike(call: Call): boolean {
  return call.route === 'chat' || call.route === 'completions'
}

/** The text of a `stream_options` that asks for usage, or null when there is nothing to ask for. */
function usageRequest(call: Call): string | null {
  if (!call.isStream || !isChatLike(call)) return null
  const kind = call.body.kind('stream_options')
  if (kind === undefined || kind === 'null') return '{"include_usage":true}'
  // Something else than an object is wrong, and for the upstream to say so.
  const options = kind === 'object' ? call.body.value('stream_options') : null
  if (!isFields(options) || options['include_usage'] === true) return null
  return JSON.stringify({ ...options, include_usage: true })
}

/**
 * Answers that one call asks for: `n` for each prompt of a list. What makes no sense counts as one; the upstream
 * refuses it.
 */
function countChoices(call: Call): number {
  const n = call.body.value('n')
  const each = typeof n === 'number' && n > 1 ? n : 1
  if (call.route !== 'completions' || call.body.kind('prompt') !== 'array') return each
  const prompts = call.body.value('prompt') as unknown[]
  return typeof prompts[0] === 'number' ? each : each * Math.max(prompts.length, 1)
}
