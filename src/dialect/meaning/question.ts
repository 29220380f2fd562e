/**
 * The one part of a call in which it may differ from another and still ask the same: what the user said last. All the
 * rest is context, and must be the same. Calls with tools, pictures or files have none.
 */
import type { Call } from '../call.ts'
import { type Fields, isFields } from '../field.ts'
import { withoutIdle } from './call-meaning.ts'
import { canonical, Unclear } from './canonical.ts'

export interface Question {
  /** In the user's words. */
  readonly text: string
  /** Everything else, the same for calls with the same context. */
  readonly rest: string
}

/** What a server does by itself where a call says nothing. */
const temperatureDefault = 1

/** @param temperatureMax what is drawn more freely has no question that could stand for another. */
export function questionOf({ route, headers, body }: Call, temperatureMax: number): Question | null {
  const field = fieldOf[route]
  if (field === undefined) return null
  const fields = body.whole()
  const { tools, functions, temperature } = fields
  if (isFilled(tools) || isFilled(functions)) return null
  if ((typeof temperature === 'number' ? temperature : temperatureDefault) > temperatureMax) return null
  const asked = lastOf(fields[field])
  if (asked === null) return null
  try {
    const rest = canonical([route, headers, { ...withoutIdle(route, fields), [field]: asked.context }])
    return { text: asked.text, rest }
  } catch (thrown) {
    if (thrown instanceof Unclear) return null
    throw thrown
  }
}

const fieldOf: Readonly<Record<string, string>> = { chat: 'messages', messages: 'messages', responses: 'input' }
const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0

interface Asked {
  readonly text: string
  /** What was said before, and whatever else the last message has. */
  readonly context: unknown
}

function lastOf(said: unknown): Asked | null {
  if (typeof said === 'string') return said.trim() === '' ? null : { text: said.trim(), context: null }
  if (!Array.isArray(said)) return null
  const last: unknown = said.at(-1)
  if (!said.every(isPlain) || !isFields(last) || last['role'] !== 'user') return null
  const text = textOf(last['content'])?.trim() ?? ''
  return text === '' ? null : { text, context: [...said.slice(0, -1), { ...last, content: null }] }
}

const roles: ReadonlySet<unknown> = new Set(['system', 'developer', 'user', 'assistant'])

/** Somebody says something, and nothing is called, shown or attached. */
function isPlain(message: unknown): message is Fields {
  if (!isFields(message) || !roles.has(message['role'])) return false
  const { type = 'message', tool_calls: calls, function_call: call, content } = message
  return type === 'message' && (calls ?? call ?? null) === null && textOf(content) !== null
}

const textTypes: ReadonlySet<unknown> = new Set(['text', 'input_text', 'output_text'])

function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  const texts: string[] = []
  for (const part of content) {
    if (!isFields(part) || !textTypes.has(part['type']) || typeof part['text'] !== 'string') return null
    texts.push(part['text'])
  }
  return texts.join('\n')
}
