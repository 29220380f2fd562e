/** A whole chat completion as a message. */
import { Fault } from '../../fault/fault.ts'
import { readChatAnswer, type ChatCall } from '../answer/chat-answer.ts'
import type { Usage } from '../call.ts'
import { isFields, type Fields } from '../field.ts'
import type { WholeAnswer } from '../translation.ts'

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
}

export interface Stop {
  readonly stop_reason: string
  readonly stop_sequence: string | null
}

/** @param stopText the text that stopped the model, where the upstream tells it. */
export function toStop(finishReason: string, stopText: string | null, hasCalls: boolean): Stop {
  // Some servers say `stop` after a tool call; callers act on tool_use only.
  if (finishReason === 'stop' && hasCalls) return { stop_reason: 'tool_use', stop_sequence: null }
  if (finishReason === 'stop' && stopText !== null) return { stop_reason: 'stop_sequence', stop_sequence: stopText }
  return { stop_reason: stopReasons[finishReason] ?? 'end_turn', stop_sequence: null }
}

/** Zero where the upstream did not count. */
export function toMessageUsage(usage: Usage | null): Fields {
  const cached = usage?.cachedTokens ?? 0
  return {
    input_tokens: Math.max((usage?.inputTokens ?? 0) - cached, 0),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: usage?.outputTokens ?? 0,
  }
}

/** @throws {Fault} HF_UPSTREAM_GARBLED, HF_UPSTREAM_EMPTY, HF_UPSTREAM_CUT, or what an error inside says. */
export function toMessage(bytes: Buffer, modelDefault: string): WholeAnswer {
  const answer = readChatAnswer(bytes)
  const calls = answer.calls.flatMap((call) => toolUse(call, answer.finishReason))
  const text = answer.text || answer.refusal
  const message = {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model || modelDefault,
    content: [
      ...(answer.reasoning ? [{ type: 'thinking', thinking: answer.reasoning, signature: '' }] : []),
      ...(text ? [{ type: 'text', text }] : []),
      ...calls,
    ],
    ...toStop(answer.finishReason, answer.stopText, calls.length > 0),
    usage: toMessageUsage(answer.usage),
  }
  return { body: Buffer.from(JSON.stringify(message)), usage: answer.usage, finishReason: answer.finishReason }
}

function toolUse(call: ChatCall, finishReason: string): Fields[] {
  try {
    const input: unknown = JSON.parse(call.arguments)
    if (isFields(input)) return [{ type: 'tool_use', id: call.id, name: call.name, input }]
  } catch {
    // told below
  }
  // Cut by the token limit: the message says max_tokens, and half a call has no form here.
  if (finishReason === 'length') return []
  throw new Fault('HF_UPSTREAM_GARBLED', { detail: 'the arguments of a tool call are not a JSON object' })
}
