/** A responses request in the words of chat. The table of what becomes what stands in responses-to-chat.ts. */
import { chatTokenLimit, jsonSchemaFormat, namedToolChoice, toChatEffort } from '../chat-words.ts'
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
import { toChatMessages } from './chat-messages.ts'

const keepsNothing = 'which keeps nothing between calls'
const refusedFields: Readonly<Record<string, string>> = {
  background: 'which answers at once',
  previous_response_id: `${keepsNothing}: send the whole input`,
  conversation: `${keepsNothing}: send the whole input`,
  prompt: `${keepsNothing}: send the prompt itself`,
  top_logprobs: 'whose log probabilities are not translated',
  moderation: 'which has no moderation results',
}

/** @throws {Fault} HF_BAD_CALL */
export function toChatRequest(asked: Fields, model: string, wantsUsage: boolean): Record<string, unknown> {
  for (const [name, why] of Object.entries(refusedFields)) {
    if (asked[name]) throw untranslatable(name, why)
  }
  const effort = isAbsent(asked['reasoning']) ? null : needFields(asked['reasoning'], 'reasoning')['effort']
  const format = isAbsent(asked['text']) ? null : needFields(asked['text'], 'text')['format']
  return {
    model,
    messages: toChatMessages(asked['instructions'], asked['input']),
    ...chatTokenLimit(model, asked['max_output_tokens']),
    ...toolFields(asked),
    ...pick(asked, 'stream', 'temperature', 'top_p', 'user'),
    ...(asked['stream'] === true && wantsUsage && { stream_options: { include_usage: true } }),
    ...toFormat(format),
    ...toChatEffort(effort, 'reasoning.effort'),
  }
}

function toFormat(format: unknown): Fields {
  if (isAbsent(format)) return {}
  const { type, ...rest } = needFields(format, 'text.format')
  if (type === 'text') return {}
  if (type === 'json_object') return { response_format: { type } }
  if (type !== 'json_schema') throw badField('text.format.type', 'must be text, json_object or json_schema')
  return jsonSchemaFormat(pick(rest, 'name', 'description', 'schema', 'strict'))
}

function toolFields(asked: Fields): Record<string, unknown> {
  if (isAbsent(asked['tools'])) return {}
  const tools = needList(asked['tools'], 'tools').map(toTool)
  if (tools.length === 0) return {}
  const { choice, allowed } = toChoice(asked['tool_choice'])
  return {
    tools: allowed ? tools.filter((tool) => allowed.has(tool.function['name'])) : tools,
    ...(choice !== null && { tool_choice: choice }),
    ...pick(asked, 'parallel_tool_calls'),
  }
}

function toTool(value: unknown, index: number): { type: 'function'; function: Fields } {
  const param = `tools[${index}]`
  const tool = needFields(value, param)
  if (tool['type'] !== 'function') throw untranslatable(`${param}.type`, 'which takes tools of type function only')
  const name = needText(tool['name'], `${param}.name`)
  return { type: 'function', function: { name, ...pick(tool, 'description', 'parameters', 'strict') } }
}

interface Choice {
  readonly choice: unknown
  /** The only tools the model may use, or null for all. */
  readonly allowed: ReadonlySet<unknown> | null
}

function toChoice(value: unknown): Choice {
  if (isAbsent(value)) return { choice: null, allowed: null }
  if (typeof value === 'string') return { choice: value, allowed: null }
  const { type, name, mode, tools } = needFields(value, 'tool_choice')
  if (type === 'function') return { choice: namedToolChoice(needText(name, 'tool_choice.name')), allowed: null }
  if (type !== 'allowed_tools') throw untranslatable('tool_choice.type', 'which takes function or allowed_tools')
  const names = needList(tools, 'tool_choice.tools').map((tool) => (isFields(tool) ? tool['name'] : null))
  return { choice: mode === 'required' ? 'required' : 'auto', allowed: new Set(names) }
}
