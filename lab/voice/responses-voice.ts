/** OpenAI's responses, without a store: one message item with one text part, numbered events. */
import type { Plan } from '../prompt/plan.ts'
import { planText, toEvent, type Usage, type Voice, type VoiceContext } from './voice.ts'

export class ResponsesVoice implements Voice {
  readonly done = ''
  readonly #context: VoiceContext
  readonly #plan: Plan
  #sequence = 0

  constructor(context: VoiceContext) {
    const plan = context.plans[0]
    if (!plan) throw new RangeError('a response has one plan')
    this.#context = context
    this.#plan = plan
  }

  #event(type: string, data: object): string {
    return toEvent({ type, sequence_number: this.#sequence++, ...data }, type)
  }

  get #place(): { item_id: string; output_index: number } {
    return { item_id: `msg_${this.#context.id}`, output_index: 0 }
  }

  #item(status: string, content: readonly object[]): object {
    return { id: this.#place.item_id, type: 'message', role: 'assistant', status, content }
  }

  #part(text: string): object {
    return { type: 'output_text', text, annotations: [], logprobs: [] }
  }

  get #endStatus(): 'completed' | 'incomplete' {
    return this.#plan.finish === 'length' ? 'incomplete' : 'completed'
  }

  #response(status: string, output: readonly object[], usage: Usage | null): object {
    const { id, createdS, model } = this.#context
    const counted = usage && {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.promptTokens + usage.completionTokens,
    }
    return {
      id: `resp_${id}`,
      object: 'response',
      created_at: createdS,
      status,
      model,
      output,
      error: null,
      instructions: null,
      metadata: {},
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      parallel_tool_calls: true,
      tools: [],
      tool_choice: 'auto',
      temperature: 1,
      top_p: 1,
      usage: counted,
    }
  }

  begin(): string {
    const response = this.#response('in_progress', [], null)
    return (
      this.#event('response.created', { response }) +
      this.#event('response.in_progress', { response }) +
      this.#event('response.output_item.added', { output_index: 0, item: this.#item('in_progress', []) }) +
      this.#event('response.content_part.added', { ...this.#place, content_index: 0, part: this.#part('') })
    )
  }

  pieces(_choice: number, from: number, to: number): string {
    let events = ''
    for (let at = from; at < to; at++) {
      events += this.#event('response.output_text.delta', {
        ...this.#place,
        content_index: 0,
        delta: this.#plan.textAt(at),
        logprobs: [],
      })
    }
    return events
  }

  end(): string {
    const text = planText(this.#plan)
    return (
      this.#event('response.output_text.done', { ...this.#place, content_index: 0, text, logprobs: [] }) +
      this.#event('response.content_part.done', { ...this.#place, content_index: 0, part: this.#part(text) }) +
      this.#event('response.output_item.done', {
        output_index: 0,
        item: this.#item(this.#endStatus, [this.#part(text)]),
      })
    )
  }

  close(usage: Usage): string {
    return this.#event(`response.${this.#endStatus}`, { response: this.whole(usage) })
  }

  error(message: string): string {
    return this.#event('error', { code: 'server_error', message, param: null })
  }

  whole(usage: Usage): object {
    return this.#response(this.#endStatus, [this.#item(this.#endStatus, [this.#part(planText(this.#plan))])], usage)
  }
}
