/** Anthropic's messages: named events, a content block of text or of a tool's use, a ping before the first token. */
import type { Plan } from '../prompt/plan.ts'
import { planText, toEvent, type Usage, type Voice, type VoiceContext } from './voice.ts'

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

  #block(input: unknown): object {
    return { type: 'tool_use', id: `toolu_${this.#context.id}`, name: this.#plan.tool, input }
  }

  begin(promptTokens: number, cachedTokens: number): string {
    const usage = toMessagesUsage({ promptTokens, cachedTokens, completionTokens: 0 })
    const block = this.#plan.tool === null ? { type: 'text', text: '' } : this.#block({})
    return (
      toEvent({ type: 'message_start', message: this.#message([], false, usage) }, 'message_start') +
      toEvent({ type: 'content_block_start', index: 0, content_block: block }, 'content_block_start') +
      toEvent({ type: 'ping' }, 'ping')
    )
  }

  pieces(_choice: number, from: number, to: number): string {
    let events = ''
    for (let at = from; at < to; at++) {
      const text = JSON.stringify(this.#plan.textAt(at))
      const delta =
        this.#plan.tool === null
          ? `{"type":"text_delta","text":${text}}`
          : `{"type":"input_json_delta","partial_json":${text}}`
      events += `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":${delta}}\n\n`
    }
    return events
  }

  end(): string {
    return toEvent({ type: 'content_block_stop', index: 0 }, 'content_block_stop')
  }

  close(usage: Usage): string {
    const delta = { stop_reason: this.#stopReason(), stop_sequence: this.#plan.stopString }
    return toEvent({ type: 'message_delta', delta, usage: { output_tokens: usage.completionTokens } }, 'message_delta')
  }

  error(message: string): string {
    return toEvent({ type: 'error', error: { type: 'overloaded_error', message } }, 'error')
  }

  whole(usage: Usage): object {
    const text = planText(this.#plan)
    const content =
      this.#plan.tool === null
        ? { type: 'text', text }
        : this.#block(this.#plan.finish === 'tool_calls' ? JSON.parse(text) : {})
    return this.#message([content], true, toMessagesUsage(usage))
  }
}
