/** What a call asks for that matters at a seam, read once from its body, whatever its language. */
import type { Call } from '../call.ts'
import { isFields, type Fields } from '../field.ts'
import { offersTools } from '../offers-tools.ts'

export interface Wishes {
  readonly body: Fields
  /** Answers asked for at once. */
  readonly choiceCount: number
  /** Tokens that the answer may have, or null. */
  readonly tokensMax: number | null
  readonly tokensMaxField: string | null
  readonly stops: readonly string[]
  readonly keepsStop: boolean
  readonly offersTools: boolean
  /** `json`: must be JSON, with a schema or without; `grammar`: must keep to something else that only engines know. */
  readonly format: 'text' | 'json' | 'grammar'
  readonly wantsLogprobs: boolean
  /** Images, sound, files. */
  readonly isMultimodal: boolean
  /** Asks for what pieces do not tell: sound, old function calls, the prompt told back, a text between two. */
  readonly isPeculiar: boolean
  /** The caller gets token counts in a stream only if it asked. */
  readonly wantsUsage: boolean
}

const limitFields: Readonly<Record<string, readonly string[]>> = {
  chat: ['max_completion_tokens', 'max_tokens'],
  completions: ['max_tokens'],
  messages: ['max_tokens'],
  responses: ['max_output_tokens'],
}

/** What engines call a shape that the answer must keep to; removed when it is gone on with without. */
export const jsonFields = ['guided_json', 'json_schema', 'response_format', 'text', 'output_config'] as const
export const grammarFields = [
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'guided_decoding_backend',
  'structured_outputs',
  'regex',
  'ebnf',
  'grammar',
] as const

const known = new WeakMap<Call, Wishes>()

/** Read once for a call, however often it is asked: the body may be many megabytes. */
export function readWishes(call: Call): Wishes {
  const wishes = known.get(call) ?? wishesOf(call)
  known.set(call, wishes)
  return wishes
}

function wishesOf(call: Call): Wishes {
  const body = call.body.whole()
  const tokensMaxField = limitFields[call.route]?.find((name) => typeof body[name] === 'number') ?? null
  const stop = call.route === 'messages' ? body['stop_sequences'] : body['stop']
  const n = Math.max(countOf(body['n']), countOf(body['best_of']))
  const { prompt } = body
  const isManyPrompts = call.route === 'completions' && Array.isArray(prompt) && typeof prompt[0] !== 'number'
  const streamOptions = isFields(body['stream_options']) ? body['stream_options'] : {}
  return {
    body,
    choiceCount: isManyPrompts && Array.isArray(prompt) ? n * Math.max(1, prompt.length) : n,
    tokensMax: tokensMaxField === null ? null : Number(body[tokensMaxField]),
    tokensMaxField,
    stops: (Array.isArray(stop) ? stop : [stop]).filter((text) => typeof text === 'string' && text !== ''),
    keepsStop: body['include_stop_str_in_output'] === true,
    offersTools: offersTools(call),
    format: formatOf(body),
    wantsLogprobs: Boolean(body['logprobs']) || Boolean(body['top_logprobs']),
    isMultimodal: hasMedia(body['messages']) || hasMedia(body['input']),
    isPeculiar:
      body['echo'] === true ||
      typeof body['suffix'] === 'string' ||
      Boolean(body['audio']) ||
      Boolean(body['functions']),
    wantsUsage: streamOptions['include_usage'] === true,
  }
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value > 1 ? value : 1
}

function formatOf(body: Fields): Wishes['format'] {
  if (grammarFields.some((name) => body[name])) return 'grammar'
  const text = isFields(body['text']) ? body['text']['format'] : null
  const output = isFields(body['output_config']) ? body['output_config']['format'] : null
  const formats = [body['response_format'], text, output]
  const isJson = formats.some((format) => isFields(format) && String(format['type']).startsWith('json'))
  return isJson || body['guided_json'] || body['json_schema'] ? 'json' : 'text'
}

function hasMedia(list: unknown): boolean {
  return (
    Array.isArray(list) &&
    list.some(
      (item) =>
        isFields(item) &&
        Array.isArray(item['content']) &&
        item['content'].some((part) => isFields(part) && /image|audio|file|video|document/.test(String(part['type']))),
    )
  )
}
