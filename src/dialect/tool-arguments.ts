/** Arguments of tool calls: where they are in the events of a stream, and whether they can be read. */
import type { Route } from './call.ts'
import { type Fields, isFields } from './field.ts'

/** The part of them that an event has; null where it has those of several calls. */
export function argumentsIn(route: Route, event: Fields): string | null {
  if (route === 'messages') return textIn(event['delta'], 'partial_json')
  // They come in pieces, and once more as a whole with the end of the call.
  if (route === 'responses')
    return event['type'] === 'response.output_item.done' ? textIn(event['item'], 'arguments') : ''
  const choice: unknown = Array.isArray(event['choices']) ? event['choices'][0] : null
  const delta = isFields(choice) ? choice['delta'] : null
  if (!isFields(delta)) return ''
  const { tool_calls: calls } = delta
  if (!Array.isArray(calls)) return textIn(delta['function_call'], 'arguments')
  return calls.length > 1 ? null : argumentsOf(calls[0])
}

/** Whether a call of a whole chat answer has arguments that nobody can read. */
export function hasBrokenCall(choice: Fields): boolean {
  const message = choice['message']
  const calls = isFields(message) ? message['tool_calls'] : null
  return Array.isArray(calls) && calls.some((call) => !areReadable(argumentsOf(call)))
}

/** The JSON of an object; none at all is right for a tool that takes none. */
export function areReadable(text: string): boolean {
  if (text.trim() === '') return true
  try {
    return isFields(JSON.parse(text))
  } catch {
    return false
  }
}

const argumentsOf = (call: unknown): string => (isFields(call) ? textIn(call['function'], 'arguments') : '')

function textIn(fields: unknown, name: string): string {
  const text = isFields(fields) ? fields[name] : null
  return typeof text === 'string' ? text : ''
}
