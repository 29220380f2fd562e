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
  /** What the engine was given of the answer; empty when it was given nothing. */
  readonly given: string
  /** What the caller has behind it. */
  readonly blanks: string
}

/** Engines that are told by fields to leave the last message open. */
const askedEngines: ReadonlySet<string> = new Set(['vllm', 'sglang', 'tgi'])
/** Words at the end of what was said that the model is to begin with, UTF-16 units. */
const anchorLength = 60
/** Tokens of the anchor that are generated a second time. */
const anchorTokens = 32

/** Fields of a request as JSON texts; undefined takes one away. The rest stays as the caller spelled it. */
type Changes = Readonly<Record<string, string | undefined>>

export function toContinuedCall(call: Call, partial: PartialAnswer, rung: Rung, facts: LegFacts): ContinuedCall {
  const wishes = readWishes(call)
  const text = saidText(partial) ?? ''
  const given = withoutLoose(text)
  const plain = { extras: {}, marksLast: false, given: '', blanks: '' }
  const schema = rung.leavesSchema ? schemaChanges(wishes.body) : {}
  switch (rung.name) {
    case 'regenerate':
    case 'ask-again':
      return { ...plain, call }
    case 'ask-rest': {
      const asked = restAsked(call.route, wishes.body, given)
      return { ...plain, call: changed(call, { ...schema, ...remaining(wishes, partial, anchorTokens), ...asked }) }
    }
    case 'prefill':
    case 'prefix-flag': {
      const before = givenByCaller(wishes.body, given)
      const asked = prefilled(call.route, wishes.body, before + given, thoughtsOf(partial))
      const isAsked = rung.name === 'prefill' && call.route !== 'completions' && askedEngines.has(facts.kind)
      return {
        call: changed(call, { ...schema, ...remaining(wishes, partial, 0), ...asked }),
        extras: isAsked ? { continue_final_message: true, add_generation_prompt: false } : {},
        marksLast: rung.name === 'prefix-flag',
        given: before + given,
        blanks: text.slice(given.length),
      }
    }
    case 'token-exact': {
      const kept = changed(call, { ...schema, ...remaining(wishes, partial, 0) })
      return { ...plain, ...withTokens(kept, partial, facts), given: text }
    }
  }
}

/**
 * Without what an engine would read otherwise than it was told: blanks at the end, and the first half of a character of
 * two UTF-16 units.
 */
function withoutLoose(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '').trimEnd()
}

function changed(call: Call, changes: Changes): Call {
  return Object.keys(changes).length === 0
    ? call
    : { ...call, body: JsonBody.parse(Buffer.concat(call.body.with(changes))) }
}

function schemaChanges(body: Fields): Changes {
  const gone = [...jsonFields, ...grammarFields]
    .filter((name) => name in body)
    .map((name) => [name, undefined] as const)
  const { output_config: output, text } = body
  return {
    ...Object.fromEntries(gone),
    ...(isFields(output) && { output_config: JSON.stringify(pick(output, 'effort')) }),
    ...(isFields(text) && { text: JSON.stringify(pick(text, 'verbosity')) }),
  }
}

/** What is left of the limits; what was said counts against both. */
function remaining({ body, tokensMax, tokensMaxField }: Wishes, { tokenCount }: PartialAnswer, spare: number): Changes {
  const min = body['min_tokens']
  const left = Math.max(1, (tokensMax ?? 0) - tokenCount) + spare
  return {
    ...(tokensMaxField !== null && { [tokensMaxField]: String(left) }),
    ...(typeof min === 'number' && { min_tokens: String(Math.max(0, min - tokenCount)) }),
  }
}

/** Thoughts that came before the words, for chat templates that put them back. */
function thoughtsOf(partial: PartialAnswer): string {
  return partial.parts
    .filter(({ kind }) => kind === 'reasoning')
    .map(({ text }) => text)
    .join('')
}

/** A shorter beginning may stand at the beginning of what follows it by chance. */
const repeatedLengthMin = 12

/** The beginning of the answer that the caller gave itself, unless the engine told it again and it was said so. */
function givenByCaller({ messages }: Fields, said: string): string {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : null
  if (!isFields(last) || last['role'] !== 'assistant' || typeof last['content'] !== 'string') return ''
  const { content } = last
  return content.length >= repeatedLengthMin && said.startsWith(content) ? '' : content
}

function prefilled(route: Route, body: Fields, given: string, thoughts: string): Changes {
  if (route === 'completions') return { prompt: JSON.stringify(`${String(body['prompt'])}${given}`) }
  if (route === 'responses') return { input: JSON.stringify([...inputOf(body), toInputItem(given)]) }
  const messages = Array.isArray(body['messages']) ? body['messages'] : []
  const last: unknown = messages.at(-1)
  if (isFields(last) && last['role'] === 'assistant')
    return { messages: JSON.stringify([...messages.slice(0, -1), { ...last, content: given }]) }
  const thought = thoughts !== '' && route === 'chat' ? { reasoning_content: thoughts } : {}
  return { messages: JSON.stringify([...messages, { role: 'assistant', content: given, ...thought }]) }
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
function restAsked(route: Route, body: Fields, given: string): Changes {
  const anchor = given.length <= anchorLength ? given : given.slice(given.indexOf(' ', given.length - anchorLength) + 1)
  const content = [
    'Your answer to the message above was interrupted by a technical fault. This is all of it that arrived:',
    `<interrupted_answer>\n${given}\n</interrupted_answer>`,
    'Give only the rest of that answer, without any introduction, in the same style and formatting. Begin by repeating',
    `exactly these last words of it and go on from there without a break:\n${anchor}`,
  ].join('\n')
  const turn = { role: 'user', content }
  if (route === 'responses') return { input: JSON.stringify([...inputOf(body), turn]) }
  return { messages: JSON.stringify([...(Array.isArray(body['messages']) ? body['messages'] : []), turn]) }
}

/** Of a chat's fields those that plain completions have too. */
const samplingFields = [
  'model',
  'stream',
  'stream_options',
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

function withTokens(call: Call, { tokens }: PartialAnswer, { kind }: LegFacts): Pick<ContinuedCall, 'call' | 'extras'> {
  const ids = [...(tokens?.prompt ?? []), ...(tokens?.answer ?? [])]
  const prompt = JSON.stringify(ids)
  if (call.route === 'completions') return { call: changed(call, { prompt }), extras: {} }
  if (kind === 'sglang') return { call, extras: { input_ids: ids } }
  const { body } = call
  // Plain completions would end after 16 tokens where nothing is said.
  const limit = body.raw('max_completion_tokens') ?? body.raw('max_tokens') ?? 'null'
  const kept = samplingFields
    .filter((name) => body.has(name))
    .map((name) => `${JSON.stringify(name)}:${String(body.raw(name))}`)
  const text = `{${[...kept, `"max_tokens":${String(limit)}`, `"prompt":${prompt}`].join(',')}}`
  return { call: { ...call, route: 'completions', body: JsonBody.parse(Buffer.from(text)) }, extras: {} }
}
