/** Anthropic's messages: named events, a content block of text or of a tool's use, a ping before the first token. */
import type { Plan, Segment } from '../prompt/plan.ts'
import { planText, segmentsWithin, toEvent, type Usage, type Voice, type VoiceContext } from './voice.ts'

/** What was in memory is counted apart, not within the input. */
function toMessagesUsage(usage: Usage): object {
  return {
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
  }
}

export class MessagesVoice implements Voice {
  readonly done = toEvent({ type: 'message_stop' }, 'message_stop')
  readonly #context: VoiceContext
  readonly #plan: Plan

  constructor(context: VoiceContext) {
    const plan = context.plans[0]
    if (!plan) throw new RangeError('a message has one plan')
    this.#context = context
    this.#plan = plan
  }

  #message(content: readonly object[], isOver: boolean, usage: object): object {
    const stop = isOver
      ? { stop_reason: this.#stopReason(), stop_sequence: this.#plan.stopString }
      : { stop_reason: null, stop_sequence: null }
    return {
      id: `msg_${this.#context.id}`,
      type: 'message',
      role: 'assistant',
      model: this.#context.model,
      content,
      ...stop,
      usage,
    }
  }

  #stopReason(): string {
    if (this.#plan.stopString !== null) return 'stop_sequence'
    return { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }[this.#plan.finish]
  }

  /** A block with nothing in it yet; the parts of the answer, in order, are its blocks. */
  #emptyBlock({ kind, name }: Segment, index: number): object {
    if (kind === 'call') return { type: 'tool_use', id: this.#toolId(index), name, input: {} }
    return kind === 'thought' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' }
  }

  #toolId(index: number): string {
    const before = this.#plan.segments.slice(0, index).filter(({ kind }) => kind === 'call').length
    return `toolu_${this.#context.id}${before === 0 ? '' : `_${before}`}`
  }

  #start(segment: Segment, index: number): string {
    const block = this.#emptyBlock(segment, index)
    return toEvent({ type: 'content_block_start', index, content_block: block }, 'content_block_start')
  }

  #stop(index: number): string {
    const { kind } = this.#plan.segments[index] ?? { kind: 'text' }
    const delta = { type: 'signature_delta', signature: 'lab' }
    const signed =
      kind === 'thought' ? toEvent({ type: 'content_block_delta', index, delta }, 'content_block_delta') : ''
    return signed + toEvent({ type: 'content_block_stop', index }, 'content_block_stop')
  }

  begin(promptTokens: number, cachedTokens: number): string {
    const usage = toMessagesUsage({ promptTokens, cachedTokens, completionTokens: 0 })
    const [first] = this.#plan.segments
    return (
      toEvent({ type: 'message_start', message: this.#message([], false, usage) }, 'message_start') +
      (first ? this.#start(first, 0) : '') +
      toEvent({ type: 'ping' }, 'ping')
    )
  }

  pieces(_choice: number, from: number, to: number): string {
    let events = ''
    for (const part of segmentsWithin(this.#plan, from, to)) {
      const { segment, number } = part
      if (part.from === segment.from && number > 0) events += this.#stop(number - 1) + this.#start(segment, number)
      for (let at = part.from; at < part.to; at++) {
        const text = JSON.stringify(this.#plan.textAt(at))
        const delta = {
          thought: 'thinking_delta","thinking',
          text: 'text_delta","text',
          call: 'input_json_delta","partial_json',
        }
        events += `event: content_block_delta\ndata: {"type":"content_block_delta","index":${number},"delta":{"type":"${delta[segment.kind]}":${text}}}\n\n`
      }
    }
    return events
  }

  end(): string {
    return this.#stop(this.#plan.segments.length - 1)
  }

  close(usage: Usage): string {
    const delta = { stop_reason: this.#stopReason(), stop_sequence: this.#plan.stopString }
    return toEvent({ type: 'message_delta', delta, usage: { output_tokens: usage.completionTokens } }, 'message_delta')
  }

  error(message: string): string {
    return toEvent({ type: 'error', error: { type: 'overloaded_error', message } }, 'error')
  }

  whole(usage: Usage): object {
    const isWhole = this.#plan.finish === 'tool_calls'
    const content = this.#plan.segments.map((segment, index) => {
      const text = planText(this.#plan, segment)
      const block = this.#emptyBlock(segment, index)
      if (segment.kind === 'call') return { ...block, input: isWhole ? JSON.parse(text) : {} }
      return segment.kind === 'thought' ? { ...block, thinking: text, signature: 'lab' } : { ...block, text }
    })
    return this.#message(content, true, toMessagesUsage(usage))
  }
}
