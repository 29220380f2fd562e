/** What a response says beside its output, its items, and a whole chat completion as a response. */
import { readChatAnswer } from '../answer/chat-answer.ts'
import type { AnswerHead, Part } from '../answer/chat-piece-reader.ts'
import type { Usage } from '../call.ts'
import { isFields, pick, type Fields } from '../field.ts'
import type { WholeAnswer } from '../translation.ts'

const incompleteReasons: Readonly<Record<string, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

/** True when the answer ended, but not because the model was done. */
export function isIncomplete(finishReason: string | null): boolean {
  return finishReason !== null && incompleteReasons[finishReason] !== undefined
}

/** How a response stands: under way, or how it ended. */
export interface Standing {
  readonly output: readonly Fields[]
  /** Null while the answer is under way. */
  readonly finishReason: string | null
  readonly usage: Usage | null
}

/** The fields of a response that tell the caller's own wishes back; one for a call. */
export class ResponseEnvelope {
  #echo: Fields
  #model: string
  #createdS: number

  constructor(asked: Fields, model: string, nowMs: number) {
    this.#model = model
    this.#createdS = Math.floor(nowMs / 1000)
    const { effort } = isFields(asked['reasoning']) ? asked['reasoning'] : {}
    this.#echo = {
      background: false,
      instructions: asked['instructions'] ?? null,
      max_output_tokens: asked['max_output_tokens'] ?? null,
      metadata: asked['metadata'] ?? {},
      parallel_tool_calls: asked['parallel_tool_calls'] ?? true,
      previous_response_id: null,
      reasoning: { effort: effort ?? null, summary: null },
      store: asked['store'] !== false,
      temperature: asked['temperature'] ?? null,
      text: { format: isFields(asked['text']) && asked['text']['format'] ? asked['text']['format'] : { type: 'text' } },
      tool_choice: asked['tool_choice'] ?? 'auto',
      tools: asked['tools'] ?? [],
      top_p: asked['top_p'] ?? null,
      truncation: 'disabled',
      ...pick(asked, 'user'),
    }
  }

  response(head: AnswerHead, standing: Standing): Fields {
    const { output, finishReason, usage } = standing
    const reason = finishReason === null ? undefined : incompleteReasons[finishReason]
    const ended = reason === undefined ? 'completed' : 'incomplete'
    return {
      id: `resp_${head.id}`,
      object: 'response',
      created_at: head.createdS ?? this.#createdS,
      status: finishReason === null ? 'in_progress' : ended,
      error: null,
      incomplete_details: reason === undefined ? null : { reason },
      model: head.model || this.#model,
      ...this.#echo,
      output,
      usage: toResponseUsage(usage),
    }
  }
}

export function toResponseUsage(usage: Usage | null): Fields | null {
  if (!usage) return null
  const { inputTokens = 0, outputTokens = 0, cachedTokens = 0 } = usage
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  }
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

const idPrefixes: Readonly<Record<Part['kind'], string>> = { text: 'msg', refusal: 'msg', reasoning: 'rs', call: 'fc' }

export function toItemId(head: AnswerHead, part: Part): string {
  return `${idPrefixes[part.kind]}_${head.id}_${part.index}`
}

/** @param text what has come of the part; null when it has only begun, and its content is still to be added. */
export function toItem(id: string, part: Part, text: string | null, status: ItemStatus): Fields {
  if (part.kind === 'call')
    return { id, type: 'function_call', status, call_id: part.callId, name: part.name, arguments: text ?? '' }
  const content = text === null ? [] : [toContentPart(part, text)]
  if (part.kind === 'reasoning') return { id, type: 'reasoning', status, summary: [], content }
  return { id, type: 'message', status, role: 'assistant', content }
}

export function toContentPart(part: Part, text: string): Fields {
  if (part.kind === 'reasoning') return { type: 'reasoning_text', text }
  if (part.kind === 'refusal') return { type: 'refusal', refusal: text }
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

/** @throws {Fault} HF_UPSTREAM_GARBLED, HF_UPSTREAM_EMPTY, HF_UPSTREAM_CUT, or what an error inside says. */
export function toResponse(bytes: Buffer, envelope: ResponseEnvelope): WholeAnswer {
  const answer = readChatAnswer(bytes)
  const { finishReason, usage } = answer
  const pieces: [Omit<Part, 'index'>, string][] = [
    [{ kind: 'reasoning', callId: '', name: '' }, answer.reasoning],
    [{ kind: 'text', callId: '', name: '' }, answer.text],
    [{ kind: 'refusal', callId: '', name: '' }, answer.refusal],
    ...answer.calls.map((call): [Omit<Part, 'index'>, string] => [
      { kind: 'call', callId: call.id, name: call.name },
      call.arguments,
    ]),
  ]
  const spoken = pieces.filter(([, text]) => text !== '')
  const output = spoken.map(([piece, text], index) => {
    const part = { ...piece, index }
    const isCut = index === spoken.length - 1 && isIncomplete(finishReason)
    return toItem(toItemId(answer, part), part, text, isCut ? 'incomplete' : 'completed')
  })
  const response = envelope.response(answer, { output, finishReason, usage })
  return { body: Buffer.from(JSON.stringify(response)), usage, finishReason }
}
