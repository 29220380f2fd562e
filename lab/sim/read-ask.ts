/**
 * What a request asks of the lab model: the four generating routes read into one shape, with the refusals of each
 * profile.
 */
import type { AnswerRange } from '../answer.ts'
import type { Profile, RouteName } from '../profile.ts'
import { anthropicMessages, chatMessages, responsesMessages } from '../prompt/messages.ts'
import { planAnswer, type Plan } from '../prompt/plan.ts'
import { readPrompt, renderChat, type Message, type Prompt } from '../prompt/prompt.ts'
import { encode } from '../vocabulary.ts'
import { countField, flagField, isFields, listField, textField, textsField, type Fields } from './field.ts'
import { Refusal } from './refusal.ts'

export interface Ask {
  readonly isStream: boolean
  readonly wantsUsage: boolean
  readonly wantsTokenIds: boolean
  /** One for each choice. */
  readonly plans: readonly Plan[]
}

export interface ReadOptions {
  readonly profile: Profile
  /** Prompt and answer together. */
  readonly contextTokensMax: number
  readonly range: AnswerRange
  /** Mixed into what is said, for a server that answers otherwise every time; 0 for none. */
  readonly salt?: number
}

/** Most choices of one request: `n` times the number of prompts. */
const choicesMax = 16

const engineFields = [
  'ignore_eos',
  'continue_final_message',
  'add_generation_prompt',
  'return_token_ids',
  'echo',
  'min_tokens',
  'top_k',
  'repetition_penalty',
]

function refuseEngineFields(fields: Fields, profile: Profile): void {
  // Ollama reads only what it knows; the hosted ones look at every field.
  if (profile.hasEngineFields || profile.name === 'ollama') return
  const known = profile.name === 'anthropic' ? engineFields.filter((name) => name !== 'top_k') : engineFields
  const field = known.find((name) => fields[name] !== undefined)
  if (field === undefined) return
  const message =
    profile.name === 'anthropic'
      ? `${field}: Extra inputs are not permitted`
      : `Unrecognized request argument supplied: ${field}`
  throw new Refusal('bad_request', message, { param: field })
}

/** Is the last assistant message to be continued? @throws {Refusal} as the profile does. */
function isLeftOpen(fields: Fields, messages: readonly Message[], route: RouteName, profile: Profile): boolean {
  const isLastAssistant = messages.at(-1)?.role === 'assistant'
  if (profile.prefill === 'refused' && isLastAssistant) {
    throw new Refusal(
      'bad_request',
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  }
  if (profile.prefill === 'flagged' || profile.prefill === 'flag-needed')
    return isFlagged(fields, isLastAssistant, profile)
  if (profile.prefill === 'new-turn' || profile.prefill === 'refused') return false
  const asked = profile.hasEngineFields ? fields.continue_final_message : undefined
  const isAsked = asked !== undefined && asked !== null && asked !== false
  if (isAsked && fields.add_generation_prompt !== false) {
    throw new Refusal('bad_request', 'Cannot set both `continue_final_message` and `add_generation_prompt` to True.', {
      param: 'continue_final_message',
    })
  }
  if (isAsked && !isLastAssistant) {
    throw new Refusal('bad_request', '`continue_final_message` needs a last message of the assistant.', {
      param: 'continue_final_message',
    })
  }
  if (profile.prefill === 'asked' && route === 'chat') return isAsked
  return isLastAssistant && asked !== false
}

/** Mistral and DeepSeek: `prefix: true` on the last message. @throws {Refusal} */
function isFlagged(fields: Fields, isLastAssistant: boolean, profile: Profile): boolean {
  const last = listField(fields, 'messages')?.at(-1)
  const isMarked = isFields(last) && last.prefix === true
  if (isMarked && !isLastAssistant) throw new Refusal('bad_request', 'prefix is for the last message of the assistant')
  if (isLastAssistant && !isMarked && profile.prefill === 'flag-needed')
    throw new Refusal('bad_request', 'Expected last role User or Tool (or Assistant with prefix True) for serving')
  return isMarked
}

function isIdList(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => Number.isInteger(item))
}

/** The prompts of a plain completion: text, texts, ids, or lists of ids. */
function plainPrompts(fields: Fields): number[][] {
  const { prompt } = fields
  if (typeof prompt === 'string') return [encode(prompt)]
  if (isIdList(prompt)) return [prompt]
  const items = listField(fields, 'prompt') ?? []
  if (items.length === 0) throw new Refusal('bad_request', 'Field required: prompt', { param: 'prompt' })
  return items.map((item) => {
    if (typeof item === 'string') return encode(item)
    if (isIdList(item)) return item
    throw new Refusal('bad_request', 'Input should be a string, a list of token ids, or a list of these: prompt', {
      param: 'prompt',
    })
  })
}

function understand(ids: readonly number[]): Prompt {
  try {
    return readPrompt(ids)
  } catch (error) {
    throw new Refusal('bad_request', error instanceof Error ? error.message : String(error), { param: 'prompt' })
  }
}

/** OpenAI says `'none'`, Anthropic `{ type: 'none' }`. */
function isNone(choice: unknown): boolean {
  return choice === 'none' || (isFields(choice) && choice.type === 'none')
}

/**
 * The tools that are to be called: the one `tool_choice` names, or the offered ones that the question names by
 * `call:<name>`, in its order.
 */
function wantedTools(fields: Fields, messages: readonly Message[], question: string): string[] {
  const offered = (listField(fields, 'tools') ?? []).map((tool) => {
    const described = isFields(tool) && isFields(tool.function) ? tool.function : tool
    return isFields(described) ? String(described.name) : ''
  })
  if (offered.length === 0 || isNone(fields.tool_choice) || messages.at(-1)?.role === 'tool') return []
  const choice = fields.tool_choice
  if (isFields(choice)) {
    const named = isFields(choice.function) ? choice.function.name : choice.name
    if (typeof named === 'string') return offered.filter((name) => name === named)
    if (choice.type === 'any') return offered.slice(0, 1)
  }
  if (choice === 'required') return offered.slice(0, 1)
  const places = offered.map((name) => ({ name, at: question.indexOf(`call:${name}`) })).filter(({ at }) => at >= 0)
  return places.sort((a, b) => a.at - b.at).map(({ name }) => name)
}

/** Whether the request demands JSON, in the words of any of the routes. */
function demandsJson(fields: Fields): boolean {
  const text = isFields(fields.text) ? fields.text.format : undefined
  const output = isFields(fields.output_config) ? fields.output_config.format : undefined
  const formats = [fields.response_format, text, output]
  return formats.some((format) => isFields(format) && String(format.type).startsWith('json'))
}

/** Refuses at a glance what no tokeniser could make fit: no token stands for more than 32 letters. @throws {Refusal} */
function checkLength(texts: readonly string[], contextTokensMax: number): void {
  const letters = texts.reduce((sum, text) => sum + text.length, 0)
  if (letters > 32 * contextTokensMax) throw tooLong(Math.ceil(letters / 3), 0, contextTokensMax)
}

function promptsOf(
  route: RouteName,
  fields: Fields,
  { profile, contextTokensMax }: ReadOptions,
): { prompts: Prompt[]; messages: readonly Message[] } {
  if (route === 'completions' && typeof fields.prompt === 'string') checkLength([fields.prompt], contextTokensMax)
  if (route === 'completions') return { prompts: plainPrompts(fields).map(understand), messages: [] }
  const messages =
    route === 'messages'
      ? anthropicMessages(fields)
      : route === 'responses'
        ? responsesMessages(fields)
        : chatMessages(fields)
  checkLength(
    messages.map(({ text }) => text),
    contextTokensMax,
  )
  // SGLang takes ids in place of the rendered messages.
  if (profile.name === 'sglang' && route === 'chat' && isIdList(fields.input_ids))
    return { prompts: [understand(fields.input_ids)], messages }
  return { prompts: [understand(renderChat(messages, isLeftOpen(fields, messages, route, profile)))], messages }
}

/** Reads the body of a generating route. @throws {Refusal} */
export function readAsk(route: RouteName, fields: Fields, options: ReadOptions): Ask {
  const { profile, contextTokensMax, range, salt = 0 } = options
  refuseEngineFields(fields, profile)
  const tokensAsked =
    countField(fields, 'max_completion_tokens') ??
    countField(fields, 'max_tokens') ??
    countField(fields, 'max_output_tokens')
  if (route === 'messages' && profile.name === 'anthropic' && tokensAsked === undefined)
    throw new Refusal('bad_request', 'max_tokens: Field required', { param: 'max_tokens' })
  const { prompts, messages } = promptsOf(route, fields, options)
  const stop = textsField(fields, route === 'messages' ? 'stop_sequences' : 'stop')
  const ignoresEnd = profile.hasEngineFields && flagField(fields, 'ignore_eos') === true
  const copies = countField(fields, 'n') ?? 1
  if (copies < 1 || copies * prompts.length > choicesMax)
    throw new Refusal('bad_request', `n: from 1 to ${choicesMax} choices`, { param: 'n' })
  const plans = prompts.flatMap((prompt) => {
    const room = contextTokensMax - prompt.ids.length
    if (
      room < 1 ||
      (tokensAsked !== undefined && tokensAsked > room && profile.name !== 'ollama' && profile.name !== 'llamacpp')
    )
      throw tooLong(prompt.ids.length, tokensAsked ?? 0, contextTokensMax)
    const tokensMax = Math.min(room, tokensAsked ?? room)
    const plan = planAnswer(prompt, {
      tokensMax,
      stop,
      ignoresEnd,
      range,
      calls: wantedTools(fields, messages, prompt.question),
      isJsonForced: demandsJson(fields),
      salt,
      mayThink: route !== 'completions',
    })
    return Array.from({ length: copies }, () => plan)
  })
  const streamOptions = isFields(fields.stream_options) ? fields.stream_options : {}
  return {
    isStream: flagField(fields, 'stream') === true,
    wantsUsage: streamOptions.include_usage === true,
    wantsTokenIds: profile.hasEngineFields && flagField(fields, 'return_token_ids') === true,
    plans,
  }
}

function tooLong(count: number, tokensAsked: number, contextTokensMax: number): Refusal {
  return new Refusal(
    'context',
    `This model's maximum context length is ${contextTokensMax} tokens. However, you requested ${count + tokensAsked} tokens (${count} in the messages, ${tokensAsked} in the completion).`,
    { param: 'messages', extra: { n_prompt_tokens: count, n_ctx: contextTokensMax } },
  )
}

/** The tokens of an Anthropic request, for its counting route. @throws {Refusal} */
export function countTokens(fields: Fields): number {
  return renderChat(anthropicMessages(fields), false).length
}

/** The text that a request's chat comes to, for routes that only tokenise. @throws {Refusal} */
export function renderedIds(fields: Fields): number[] {
  return fields.messages === undefined
    ? encode(textField(fields, 'prompt') ?? textField(fields, 'content') ?? '')
    : renderChat(chatMessages(fields), flagField(fields, 'add_generation_prompt') === false)
}
