/** A chat request in the words of messages. The table of what becomes what stands in chat-to-messages.ts. */
import {
  badField,
  isAbsent,
  isFields,
  needFields,
  needList,
  needText,
  pick,
  untranslatable,
  type Fields,
} from '../field.ts'
import { toMessageTurns } from './message-turns.ts'

/** What is asked for when the caller sets no limit: messages must name one. */
const maxTokensDefault = 4096

/** Fields whose meaning would be lost, with the reason; null, false, empty and zero ask for nothing and pass. */
const refusedFields: Readonly<Record<string, string>> = {
  logprobs: 'which gives no log probabilities',
  top_logprobs: 'which gives no log probabilities',
  logit_bias: 'which has no token biases',
  audio: 'which has no audio',
  web_search_options: 'whose search is not the same tool',
  moderation: 'which has no moderation results',
  functions: 'which knows tools only: use `tools`',
  function_call: 'which knows tools only: use `tool_choice`',
}

const efforts: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
}

/** @throws {Fault} HF_BAD_CALL */
export function toMessagesRequest(chat: Fields, model: string): Record<string, unknown> {
  refuseUntranslatable(chat)
  const { system, turns } = toMessageTurns(needList(chat['messages'], 'messages'))
  const user = chat['safety_identifier'] ?? chat['user']
  const outputConfig = { ...effortOf(chat['reasoning_effort']), ...formatOf(chat['response_format']) }
  return {
    model,
    max_tokens: chat['max_completion_tokens'] ?? chat['max_tokens'] ?? maxTokensDefault,
    ...(system.length > 0 && { system }),
    messages: turns,
    ...toolFields(chat),
    ...pick(chat, 'stream', 'top_p', 'top_k'),
    ...(!isAbsent(chat['temperature']) && { temperature: clampTemperature(chat['temperature']) }),
    ...(!isAbsent(chat['stop']) && { stop_sequences: Array.isArray(chat['stop']) ? chat['stop'] : [chat['stop']] }),
    ...(Object.keys(outputConfig).length > 0 && { output_config: outputConfig }),
    ...(chat['reasoning_effort'] === 'none' && { thinking: { type: 'disabled' } }),
    ...(typeof user === 'string' && { metadata: { user_id: user } }),
  }
}

function refuseUntranslatable(chat: Fields): void {
  for (const [name, why] of Object.entries(refusedFields)) {
    if (asksForSomething(chat[name])) throw untranslatable(name, why)
  }
  if (typeof chat['n'] === 'number' && chat['n'] > 1) throw untranslatable('n', 'which gives one answer at a time')
  const { modalities } = chat
  if (Array.isArray(modalities) && modalities.some((modality) => modality !== 'text'))
    throw untranslatable('modalities', 'which answers in text')
}

function asksForSomething(value: unknown): boolean {
  if (isFields(value)) return Object.keys(value).length > 0
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

/** Chat reaches to 2, messages to 1; what is no number is for the model server to refuse. */
function clampTemperature(value: unknown): unknown {
  return typeof value === 'number' ? Math.min(value, 1) : value
}

function effortOf(effort: unknown): Record<string, unknown> {
  if (isAbsent(effort) || effort === 'none') return {}
  const known = efforts[needText(effort, 'reasoning_effort')]
  if (known === undefined) throw badField('reasoning_effort', `must be one of none, ${Object.keys(efforts).join(', ')}`)
  return { effort: known }
}

function formatOf(format: unknown): Record<string, unknown> {
  if (isAbsent(format)) return {}
  const { type, json_schema: jsonSchema } = needFields(format, 'response_format')
  if (type === 'text') return {}
  if (type !== 'json_schema') throw untranslatable('response_format.type', 'which takes json_schema or text only')
  const { schema } = needFields(jsonSchema, 'response_format.json_schema')
  return { format: { type: 'json_schema', schema: needFields(schema, 'response_format.json_schema.schema') } }
}

function toolFields(chat: Fields): Record<string, unknown> {
  if (isAbsent(chat['tools'])) return {}
  const tools = needList(chat['tools'], 'tools').map(toTool)
  if (tools.length === 0) return {}
  const { choice, allowed } = toToolChoice(chat['tool_choice'])
  const isSingle = chat['parallel_tool_calls'] === false && choice?.['type'] !== 'none'
  const fullChoice = isSingle ? { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true } : choice
  return {
    tools: allowed ? tools.filter(({ name }) => allowed.has(name)) : tools,
    ...(fullChoice && { tool_choice: fullChoice }),
  }
}

function toTool(value: unknown, index: number): Record<string, unknown> {
  const param = `tools[${index}]`
  const tool = needFields(value, param)
  if (tool['type'] !== 'function') throw untranslatable(`${param}.type`, 'which takes tools of type function only')
  const spec = needFields(tool['function'], `${param}.function`)
  return {
    name: needText(spec['name'], `${param}.function.name`),
    ...pick(spec, 'description', 'strict'),
    input_schema: isAbsent(spec['parameters'])
      ? { type: 'object', properties: {} }
      : needFields(spec['parameters'], `${param}.function.parameters`),
  }
}

interface ToolChoice {
  readonly choice: Readonly<Record<string, unknown>> | null
  /** The only tools the model may use, or null for all. */
  readonly allowed: ReadonlySet<unknown> | null
}

const plainChoices: Readonly<Record<string, string>> = { none: 'none', auto: 'auto', required: 'any' }

function toToolChoice(value: unknown): ToolChoice {
  if (isAbsent(value)) return { choice: null, allowed: null }
  if (typeof value === 'string') {
    const type = plainChoices[value]
    if (type === undefined) throw badField('tool_choice', 'must be none, auto, required or an object')
    return { choice: { type }, allowed: null }
  }
  const choice = needFields(value, 'tool_choice')
  if (choice['type'] === 'function') {
    const { name } = needFields(choice['function'], 'tool_choice.function')
    return { choice: { type: 'tool', name: needText(name, 'tool_choice.function.name') }, allowed: null }
  }
  if (choice['type'] !== 'allowed_tools')
    throw untranslatable('tool_choice.type', 'which takes function or allowed_tools')
  const param = 'tool_choice.allowed_tools'
  const { mode, tools } = needFields(choice['allowed_tools'], param)
  const names = needList(tools, `${param}.tools`).map((tool) =>
    isFields(tool) && isFields(tool['function']) ? tool['function']['name'] : null,
  )
  return { choice: { type: mode === 'required' ? 'any' : 'auto' }, allowed: new Set(names) }
}
