/** A whole chat completion taken apart for a caller who speaks another language. */
import { Fault } from '../../fault/fault.ts'
import type { Usage } from '../call.ts'
import { isFields, type Fields } from '../field.ts'
import { readWholeAnswer } from './whole-answer.ts'

export interface ChatCall {
  readonly id: string
  readonly name: string
  /** What should be the JSON text of an object; as the model wrote it. */
  readonly arguments: string
}

export interface ChatAnswer {
  readonly id: string
  readonly model: string
  readonly createdS: number | null
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly calls: readonly ChatCall[]
  readonly finishReason: string
  /** The text that stopped the model, where the upstream tells it. */
  readonly stopText: string | null
  readonly usage: Usage | null
}

/** @throws {Fault} HF_UPSTREAM_GARBLED, HF_UPSTREAM_EMPTY, HF_UPSTREAM_CUT, or what an error inside says. */
export function readChatAnswer(bytes: Buffer): ChatAnswer {
  const { usage, finishReason } = readWholeAnswer('chat', bytes)
  if (finishReason === null) throw new Fault('HF_UPSTREAM_CUT', { detail: 'the answer has no finish_reason' })
  const answer = JSON.parse(bytes.toString()) as Fields
  const [choice] = answer['choices'] as Fields[]
  const message = choice?.['message']
  if (!choice || !isFields(message)) throw garbled('the answer has no message')
  const { created } = answer
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] : []
  const id = textOf(answer['id'])
  return {
    id,
    model: textOf(answer['model']),
    createdS: typeof created === 'number' ? created : null,
    text: textOf(message['content']),
    reasoning: textOf(message['reasoning_content']) || textOf(message['reasoning']),
    refusal: textOf(message['refusal']),
    calls: calls.map((call, index) => toCall(call, `call_${id}_${index}`)),
    finishReason,
    stopText: textOf(choice['stop_reason']) || null,
    usage,
  }
}

function toCall(call: unknown, idDefault: string): ChatCall {
  const spec = isFields(call) ? call['function'] : null
  if (!isFields(call) || !isFields(spec) || textOf(spec['name']) === '') throw garbled('a tool call has no name')
  return { id: textOf(call['id']) || idDefault, name: textOf(spec['name']), arguments: argumentsOf(spec['arguments']) }
}

/** Ollama of old gave the object itself. */
function argumentsOf(value: unknown): string {
  return isFields(value) ? JSON.stringify(value) : textOf(value).trim() || '{}'
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function garbled(detail: string): Fault {
  return new Fault('HF_UPSTREAM_GARBLED', { detail })
}
