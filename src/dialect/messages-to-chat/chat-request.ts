/** A messages request in the words of chat. The table of what becomes what stands in messages-to-chat.ts. */
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

/** Longer ones are refused by OpenAI. */
const userLengthMax = 64

/** @throws {Fault} HF_BAD_CALL */
export function toChatRequest(asked: Fields, model: string, wantsUsage: boolean): Record<string, unknown> {
  for (const name of ['mcp_servers', 'container'] as const) {
    if (!isAbsent(asked[name])) throw untranslatable(name, 'which runs no tools of its own')
  }
  const outputConfig = isAbsent(asked['output_config']) ? {} : needFields(asked['output_config'], 'output_config')
  const userId = isFields(asked['metadata']) ? asked['metadata']['user_id'] : null
  const hasUser = typeof userId === 'string' && userId.length <= userLengthMax
  return {
    model,
    messages: toChatMessages(asked['system'], needList(asked['messages'], 'messages')),
    ...chatTokenLimit(model, asked['max_tokens']),
    ...toolFields(asked),
    ...pick(asked, 'stream', 'temperature', 'top_p', 'top_k'),
    ...(asked['stream'] === true && wantsUsage && { stream_options: { include_usage: true } }),
    ...(!isAbsent(asked['stop_sequences']) && { stop: asked['stop_sequences'] }),
    ...formatOf(outputConfig['format']),
    ...toChatEffort(outputConfig['effort'], 'output_config.effort'),
    ...(hasUser && { user: userId }),
  }
}

function formatOf(format: unknown): Record<string, unknown> {
  if (isAbsent(format)) return {}
  const { type, schema } = needFields(format, 'output_config.format')
  if (type !== 'json_schema') throw untranslatable('output_config.format.type', 'which takes json_schema')
  return jsonSchemaFormat({ name: 'answer', schema: needFields(schema, 'output_config.format.schema'), strict: true })
}

function toolFields(asked: Fields): Record<string, unknown> {
  if (isAbsent(asked['tools'])) return {}
  const tools = needList(asked['tools'], 'tools').map(toTool)
  if (tools.length === 0) return {}
  return { tools, ...choiceFields(asked['tool_choice']) }
}

function toTool(value: unknown, index: number): Record<string, unknown> {
  const param = `tools[${index}]`
  const tool = needFields(value, param)
  if (!isAbsent(tool['type']) && tool['type'] !== 'custom')
    throw untranslatable(`${param}.type`, 'which runs no tools of its own')
  const name = needText(tool['name'], `${param}.name`)
  const parameters = needFields(tool['input_schema'], `${param}.input_schema`)
  return { type: 'function', function: { name, ...pick(tool, 'description', 'strict'), parameters } }
}

const plainChoices: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', none: 'none' }

function choiceFields(value: unknown): Record<string, unknown> {
  if (isAbsent(value)) return {}
  const { type, name, disable_parallel_tool_use: isSingle } = needFields(value, 'tool_choice')
  const choice = type === 'tool' ? namedToolChoice(needText(name, 'tool_choice.name')) : plainChoices[String(type)]
  if (choice === undefined) throw badField('tool_choice.type', 'must be auto, any, tool or none')
  return { tool_choice: choice, ...(isSingle === true && { parallel_tool_calls: false }) }
}
