/** Token counts as each language spells them, read into one shape where `inputTokens` includes the cached ones. */
import type { Usage } from '../call.ts'
import { isFields } from '../field.ts'

/** No answer has more tokens: a count beyond it (JSON can say 1e400) would eat up every budget it is charged to. */
const tokensMax = 1e9

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= tokensMax ? value : undefined
}

function usage(input: number | undefined, output: number | undefined, cached: number | undefined): Usage | null {
  if (input === undefined && output === undefined) return null
  const counts: { -readonly [name in keyof Usage]: Usage[name] } = {}
  if (input !== undefined) counts.inputTokens = input
  if (output !== undefined) counts.outputTokens = output
  if (cached !== undefined) counts.cachedTokens = cached
  return counts
}

/** `usage` of chat, completions and embeddings. */
export function chatUsage(value: unknown): Usage | null {
  if (!isFields(value)) return null
  const details = value['prompt_tokens_details']
  return usage(
    count(value['prompt_tokens']),
    count(value['completion_tokens']),
    isFields(details) ? count(details['cached_tokens']) : undefined,
  )
}

/** `usage` of responses. */
export function responsesUsage(value: unknown): Usage | null {
  if (!isFields(value)) return null
  const details = value['input_tokens_details']
  return usage(
    count(value['input_tokens']),
    count(value['output_tokens']),
    isFields(details) ? count(details['cached_tokens']) : undefined,
  )
}

/** `usage` of messages, where `input_tokens` leaves out what was read from or written to the cache. */
export function messagesUsage(value: unknown): Usage | null {
  if (!isFields(value)) return null
  const read = count(value['cache_read_input_tokens'])
  const fresh = count(value['input_tokens'])
  const input =
    fresh === undefined ? undefined : fresh + (read ?? 0) + (count(value['cache_creation_input_tokens']) ?? 0)
  return usage(input, count(value['output_tokens']), read)
}

/** Later counts win, field by field: some languages give the input first and the output last. */
export function mergeUsage(earlier: Usage | null, later: Usage | null): Usage | null {
  return earlier && later ? { ...earlier, ...later } : (later ?? earlier)
}
