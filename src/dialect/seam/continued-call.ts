/**
 * The call that asks an upstream to go on, in the caller's language, so that the translations there are put it into any
 * other; and the few fields that only engines know, which go on top of what they make of it.
 */
import type { Call, Route } from '../call.ts'
import { isFields, pick, type Fields } from '../field.ts'
import { JsonBody } from '../json-body.ts'
import { saidText } from './ladder.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { LegFacts, Rung } from './rung.ts'
import { grammarFields, jsonFields, readWishes, type Wishes } from './wishes.ts'

export interface ContinuedCall {
  readonly call: Call
  /** Fields of the request that the translations do not know. */
  readonly extras: Fields
  /** Marks the last message of the request as the beginning of the answer. */
  readonly marksLast: boolean
  /** What the engine was given of the answer: without blanks at its end. Empty when it was given nothing. */
  readonly given: string
  /** The blanks that the caller has behind it. */
  readonly blanks: string
}

/** Engines that are told by fields to leave the last message open. */
const askedEngines: ReadonlySet<string> = new Set(['vllm', 'sglang', 'tgi'])
/** Words at the end of what was said that the model is to begin with, UTF-16 units. */
const anchorLength = 60
/** Tokens of the anchor that are generated a second time. */
const anchorTokens = 32

export function toContinuedCall(call: Call, partial: PartialAnswer, rung: Rung, facts: LegFacts): ContinuedCall {
  const wishes = readWishes(call)
  const text = saidText(partial) ?? ''
  const given = text.trimEnd()
  const plain = { extras: {}, marksLast: false, given: '', blanks: '' }
  const kept = rung.leavesSchema ? withoutSchema(wishes.body) : wishes.body
  switch (rung.name) {
    case 'regenerate':
    case 'ask-again':
      return { ...plain, call }
    case 'ask-rest': {
      const body = { ...kept, ...remaining(wishes, partial, anchorTokens), ...withRestAsked(call.route, kept, given) }
      return { ...plain, call: toCall(call, call.route, body) }
    }
    case 'prefill':
    case 'prefix-flag': {
      const body = {
        ...kept,
        ...remaining(wishes, partial, 0),
        ...withPrefill(call.route, kept, given, thoughtsOf(partial)),
      }
      const isAsked = rung.name === 'prefill' && call.route !== 'completions' && askedEngines.has(facts.kind)
      return {
        call: toCall(call, call.route, body),
        extras: isAsked ? { continue_final_message: true, add_generation_prompt: false } : {},
        marksLast: rung.name === 'prefix-flag',
        given,
        blanks: text.slice(given.length),
      }
    }
    case 'token-exact':
      return {
        ...plain,
        ...withTokens(call, { ...kept, ...remaining(wishes, partial, 0) }, partial, facts),
        given: text,
      }
  }
}

function toCall(call: Call, route: Route, body: Fields): Call {
  return { ...call, route, body: JsonBody.parse(Buffer.from(JSON.stringify(body))) }
}

function withoutSchema(body: Fields): Fields {
  const bare: Record<string, unknown> = { ...body }
  for (const name of [...jsonFields, ...grammarFields]) delete bare[name]
  const output = body['output_config']
  if (isFields(output)) bare['output_config'] = pick(output, 'effort')
  const text = body['text']
  if (isFields(text)) bare['text'] = pick(text, 'verbosity')
  return bare
}

/** What is left of the limits; what was said counts against both. */
function remaining({ body, tokensMax, tokensMaxField }: Wishes, { tokenCount }: PartialAnswer, spare: number): Fields {
  const min = body['min_tokens']
  return {
    ...(tokensMaxField !== null &&
      tokensMax !== null && { [tokensMaxField]: Math.max(1, tokensMax - tokenCount) + spare }),
    ...(typeof min === 'number' && { min_tokens: Math.max(0, min - tokenCount) }),
  }
}

/** Thoughts that came before the words, for chat templates that put them back. */
function thoughtsOf(partial: PartialAnswer): string {
  return partial.parts
    .filter(({ kind }) => kind === 'reasoning')
    .map(({ text }) => text)
    .join('')
}

function withPrefill(route: Route, body: Fields, given: string, thoughts: string): Fields {
  if (route === 'completions') return { prompt: `${String(body['prompt'])}${given}` }
  if (route === 'responses') return { input: [...inputOf(body), toInputItem(given)] }
  const messages = Array.isArray(body['messages']) ? body['messages'] : []
  const last: unknown = messages.at(-1)
  // The caller had given the beginning of the answer itself.
  if (isFields(last) && last['role'] === 'assistant')
    return { messages: [...messages.slice(0, -1), { ...last, content: `${String(last['content'])}${given}` }] }
  const thought = thoughts !== '' && route === 'chat' ? { reasoning_content: thoughts } : {}
  return { messages: [...messages, { role: 'assistant', content: given, ...thought }] }
}

function inputOf({ input }: Fields): unknown[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  return Array.isArray(input) ? input : []
}

function toInputItem(given: string): Fields {
  const content = [{ type: 'output_text', text: given, annotations: [] }]
  return { type: 'message', role: 'assistant', status: 'in_progress', content }
}

/** The words for models that take no prefill. They are told where to begin, so that the two texts overlap. */
function withRestAsked(route: Route, body: Fields, given: string): Fields {
  const anchor = given.length <= anchorLength ? given : given.slice(given.indexOf(' ', given.length - anchorLength) + 1)
  const content = [
    'Your answer to the message above was interrupted by a technical fault. This is all of it that arrived:',
    `<interrupted_answer>\n${given}\n</interrupted_answer>`,
    'Give only the rest of that answer, without any introduction, in the same style and formatting. Begin by repeating',
    `exactly these last words of it and go on from there without a break:\n${anchor}`,
  ].join('\n')
  const turn = { role: 'user', content }
  if (route === 'responses') return { input: [...inputOf(body), turn] }
  return { messages: [...(Array.isArray(body['messages']) ? body['messages'] : []), turn] }
}

/** Of a chat's fields those that plain completions have too. */
const samplingFields = [
  'model',
  'stream',
  'stream_options',
  'max_tokens',
  'min_tokens',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'repetition_penalty',
  'logit_bias',
  'ignore_eos',
  'stop_token_ids',
  'skip_special_tokens',
  'return_token_ids',
  'user',
]

function withTokens(
  call: Call,
  body: Fields,
  { tokens }: PartialAnswer,
  { kind }: LegFacts,
): Pick<ContinuedCall, 'call' | 'extras'> {
  const ids = [...(tokens?.prompt ?? []), ...(tokens?.answer ?? [])]
  if (call.route === 'completions') return { call: toCall(call, 'completions', { ...body, prompt: ids }), extras: {} }
  if (kind === 'sglang') return { call: toCall(call, 'chat', body), extras: { input_ids: ids } }
  const limit = body['max_completion_tokens'] ?? body['max_tokens']
  const plain = { ...pick(body, ...samplingFields), prompt: ids, max_tokens: limit ?? null }
  return { call: toCall(call, 'completions', plain), extras: {} }
}
