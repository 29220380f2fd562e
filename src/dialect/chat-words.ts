/** How chat requests spell what several other languages ask for. */
import { badField, isAbsent, needText, type Fields } from './field.ts'

/** OpenAI's reasoning models, which refuse the `max_tokens` that all other servers know. */
const completionTokenModels = /^(o\d|gpt-([5-9]|\d\d))/

export function chatTokenLimit(model: string, limit: unknown): Fields {
  if (isAbsent(limit)) return {}
  return completionTokenModels.test(model) ? { max_completion_tokens: limit } : { max_tokens: limit }
}

/** The three efforts that every server with efforts knows, and `none`. */
const efforts: Readonly<Record<string, string>> = {
  none: 'none',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}

/** @throws {Fault} HF_BAD_CALL */
export function toChatEffort(effort: unknown, param: string): Fields {
  if (isAbsent(effort)) return {}
  const known = efforts[needText(effort, param)]
  if (known === undefined) throw badField(param, `must be one of ${Object.keys(efforts).join(', ')}`)
  return { reasoning_effort: known }
}

export function jsonSchemaFormat(jsonSchema: Fields): Fields {
  return { response_format: { type: 'json_schema', json_schema: jsonSchema } }
}

export function namedToolChoice(name: string): Fields {
  return { type: 'function', function: { name } }
}
