/** A whole messages answer as a chat completion. */
import { Fault } from '../../fault/fault.ts'
import type { Usage } from '../call.ts'
import { messagesUsage } from '../answer/usage.ts'
import { isFields, type Fields } from '../field.ts'
import { readWholeAnswer } from '../answer/whole-answer.ts'
import type { WholeAnswer } from '../translation.ts'

/** What chat answers carry beside the answer itself. */
export interface ChatEnvelope {
  /** Seconds since 1970. */
  readonly createdS: number
  /** Where the upstream does not name one. */
  readonly model: string
  /** The caller asked for a usage chunk. */
  readonly wantsUsage: boolean
}

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
}

/** A reason that is new to us ended the answer too. */
export function toFinishReason(stopReason: string): string {
  return finishReasons[stopReason] ?? 'stop'
}

export function toChatUsage(usage: Usage | null): Fields | null {
  if (!usage) return null
  const { inputTokens = 0, outputTokens = 0, cachedTokens = 0 } = usage
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

/** @throws {Fault} HF_UPSTREAM_GARBLED, HF_UPSTREAM_EMPTY, or what an error inside says. */
export function toChatCompletion(bytes: Buffer, envelope: ChatEnvelope): WholeAnswer {
  const { finishReason } = readWholeAnswer('messages', bytes)
  const answer = JSON.parse(bytes.toString()) as Fields
  if (finishReason === null) throw new Fault('HF_UPSTREAM_CUT', { detail: 'the answer has no stop_reason' })
  const usage = messagesUsage(answer['usage'])
  const completion = {
    id: answer['id'],
    object: 'chat.completion',
    created: envelope.createdS,
    model: answer['model'] ?? envelope.model,
    choices: [
      {
        index: 0,
        message: toMessage(answer['content'] as unknown[]),
        logprobs: null,
        finish_reason: toFinishReason(finishReason),
      },
    ],
    ...(usage && { usage: toChatUsage(usage) }),
  }
  return { body: Buffer.from(JSON.stringify(completion)), usage, finishReason }
}

function toMessage(blocks: readonly unknown[]): Fields {
  const texts: string[] = []
  const thoughts: string[] = []
  const calls: Fields[] = []
  for (const block of blocks) {
    if (!isFields(block)) continue
    if (typeof block['text'] === 'string') texts.push(block['text'])
    else if (typeof block['thinking'] === 'string') thoughts.push(block['thinking'])
    else if (block['type'] === 'tool_use') {
      calls.push({
        id: block['id'],
        type: 'function',
        function: { name: block['name'], arguments: JSON.stringify(block['input'] ?? {}) },
      })
    }
  }
  return {
    role: 'assistant',
    content: texts.length > 0 ? texts.join('') : null,
    refusal: null,
    ...(thoughts.length > 0 && { reasoning_content: thoughts.join('') }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}
