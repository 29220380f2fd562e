/**
 * What events of the realtime API say of tokens: OpenAI's and Azure's (`response.done`, and transcripts of what was
 * heard), and vLLM's (`transcription.done`). All else passes unread. Pure.
 */
import { isFields } from './field.ts'

export interface Tokens {
  readonly inputTokens: number
  readonly outputTokens: number
}

export type RealtimeEvent =
  /** A response has begun, or a client wishes for one. `outputTokensMax`: null where nobody said. */
  | { readonly kind: 'begun' | 'wished'; readonly outputTokensMax: number | null }
  /** One is over. `tokens`: null where they were not told; `isNothing`: it failed before it said anything. */
  | { readonly kind: 'done'; readonly tokens: Tokens | null; readonly isNothing: boolean }
  /** Tokens beside those of responses. */
  | { readonly kind: 'spent'; readonly tokens: Tokens }
  | { readonly kind: 'refused' }

/** Events that matter bear one of these words; most, such as pieces of sound, bear none. */
const serverWords = ['"response.created"', '"response.done"', '"usage"', '"error"'].map((word) => Buffer.from(word))
const clientWord = Buffer.from('"response.create"')

export function readServerEvent(text: Buffer): RealtimeEvent | null {
  if (!serverWords.some((word) => text.includes(word))) return null
  const event = parse(text)
  switch (event?.['type']) {
    case 'response.created':
      return { kind: 'begun', outputTokensMax: outputMax(event['response']) }
    case 'response.done': {
      const response = isFields(event['response']) ? event['response'] : event
      const tokens = readTokens(response['usage'])
      return { kind: 'done', tokens, isNothing: tokens === null && response['status'] === 'failed' }
    }
    case 'error':
      return { kind: 'refused' }
    case 'conversation.item.input_audio_transcription.completed':
    case 'transcription.done': {
      const tokens = readTokens(event['usage'])
      return tokens && { kind: 'spent', tokens }
    }
    default:
      return null
  }
}

export function readClientEvent(text: Buffer): RealtimeEvent | null {
  if (!text.includes(clientWord)) return null
  const event = parse(text)
  if (event?.['type'] !== 'response.create') return null
  return { kind: 'wished', outputTokensMax: outputMax(event['response']) }
}

/** The older name stands in the beta of the API and at Azure; `inf` is no number. */
function outputMax(response: unknown): number | null {
  return isFields(response) ? count(response['max_output_tokens'] ?? response['max_response_output_tokens']) : null
}

/** OpenAI counts input and output, vLLM prompt and completion; what is counted in seconds has no tokens. */
function readTokens(usage: unknown): Tokens | null {
  if (!isFields(usage)) return null
  const inputTokens = count(usage['input_tokens'] ?? usage['prompt_tokens'])
  const outputTokens = count(usage['output_tokens'] ?? usage['completion_tokens'])
  if (inputTokens === null && outputTokens === null) return null
  return { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 }
}

/** More than any response ever has is no count. */
const countMax = 1e9
const count = (value: unknown): number | null =>
  typeof value === 'number' && value >= 0 && value <= countMax ? Math.floor(value) : null

function parse(text: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.toString())
    return isFields(value) ? value : null
  } catch {
    return null
  }
}
