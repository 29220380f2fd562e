/** OpenAI's responses, without a store: one item, a message with one text part or a function call; numbered events. */
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

  get #isCall(): boolean {
    return this.#plan.tool !== null
  }

  get #place(): { item_id: string; output_index: number } {
    return { item_id: `${this.#isCall ? 'fc' : 'msg'}_${this.#context.id}`, output_index: 0 }
  }

  /** The one item with what it says so far; null = nothing has been begun in it. */
  #item(status: string, text: string | null): object {
    const id = this.#place.item_id
    if (!this.#isCall)
      return { id, type: 'message', role: 'assistant', status, content: text === null ? [] : [this.#part(text)] }
    const call = { call_id: `call_${this.#context.id}`, name: this.#plan.tool, arguments: text ?? '' }
    return { id, type: 'function_call', status, ...call }
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
      this.#event('response.output_item.added', { output_index: 0, item: this.#item('in_progress', null) }) +
      (this.#isCall
        ? ''
        : this.#event('response.content_part.added', { ...this.#place, content_index: 0, part: this.#part('') }))
    )
  }

  pieces(_choice: number, from: number, to: number): string {
    let events = ''
    for (let at = from; at < to; at++) {
      const delta = this.#plan.textAt(at)
      events += this.#isCall
        ? this.#event('response.function_call_arguments.delta', { ...this.#place, delta })
        : this.#event('response.output_text.delta', { ...this.#place, content_index: 0, delta, logprobs: [] })
    }
    return events
  }

  end(): string {
    const text = planText(this.#plan)
    const item = this.#item(this.#endStatus, text)
    const said = this.#isCall
      ? this.#event('response.function_call_arguments.done', {
          ...this.#place,
          name: this.#plan.tool,
          arguments: text,
        })
      : this.#event('response.output_text.done', { ...this.#place, content_index: 0, text, logprobs: [] }) +
        this.#event('response.content_part.done', { ...this.#place, content_index: 0, part: this.#part(text) })
    return said + this.#event('response.output_item.done', { output_index: 0, item })
  }

  close(usage: Usage): string {
    return this.#event(`response.${this.#endStatus}`, { response: this.whole(usage) })
  }

  error(message: string): string {
    return this.#event('error', { code: 'server_error', message, param: null })
  }

  whole(usage: Usage): object {
    return this.#response(this.#endStatus, [this.#item(this.#endStatus, planText(this.#plan))], usage)
  }
}
