/** OpenAI's responses, without a store: an item for each thought, message or function call; numbered events. */
import type { Plan, Segment } from '../prompt/plan.ts'
import { planText, segmentsWithin, toEvent, type Usage, type Voice, type VoiceContext } from './voice.ts'

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

  #itemId(number: number): string {
    const prefix = { call: 'fc', thought: 'rs', text: 'msg' }[this.#kind(number)]
    return `${prefix}_${this.#context.id}${number === 0 ? '' : `_${number}`}`
  }

  #kind(number: number): Segment['kind'] {
    return this.#plan.segments[number]?.kind ?? 'text'
  }

  #place(number: number): object {
    const place = { item_id: this.#itemId(number), output_index: number }
    return this.#kind(number) === 'call' ? place : { ...place, content_index: 0 }
  }

  /** An item with what it says so far; null = nothing has been begun in it. */
  #item(number: number, status: string, text: string | null): object {
    const id = this.#itemId(number)
    const content = text === null ? [] : [this.#part(number, text)]
    if (this.#kind(number) === 'text') return { id, type: 'message', role: 'assistant', status, content }
    if (this.#kind(number) === 'thought') return { id, type: 'reasoning', status, summary: [], content }
    const before = this.#plan.segments.slice(0, number).filter(({ kind }) => kind === 'call').length
    const call = {
      call_id: `call_${this.#context.id}${before === 0 ? '' : `_${before}`}`,
      name: this.#plan.segments[number]?.name,
      arguments: text ?? '',
    }
    return { id, type: 'function_call', status, ...call }
  }

  #part(number: number, text: string): object {
    return this.#kind(number) === 'thought'
      ? { type: 'reasoning_text', text }
      : { type: 'output_text', text, annotations: [], logprobs: [] }
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
      this.#event('response.created', { response }) + this.#event('response.in_progress', { response }) + this.#start(0)
    )
  }

  #start(number: number): string {
    const added = { output_index: number, item: this.#item(number, 'in_progress', null) }
    const part = { ...this.#place(number), part: this.#part(number, '') }
    return (
      this.#event('response.output_item.added', added) +
      (this.#kind(number) === 'call' ? '' : this.#event('response.content_part.added', part))
    )
  }

  #stop(number: number): string {
    const segment = this.#plan.segments[number]
    const text = segment ? planText(this.#plan, segment) : ''
    const status = number === this.#plan.segments.length - 1 ? this.#endStatus : 'completed'
    return (
      this.#told(number, text) +
      this.#event('response.output_item.done', { output_index: number, item: this.#item(number, status, text) })
    )
  }

  #told(number: number, text: string): string {
    const place = this.#place(number)
    const kind = this.#kind(number)
    if (kind === 'call') {
      const name = this.#plan.segments[number]?.name
      return this.#event('response.function_call_arguments.done', { ...place, name, arguments: text })
    }
    const done = { ...place, text, ...(kind === 'text' ? { logprobs: [] } : {}) }
    return (
      this.#event(kind === 'text' ? 'response.output_text.done' : 'response.reasoning_text.done', done) +
      this.#event('response.content_part.done', { ...place, part: this.#part(number, text) })
    )
  }

  pieces(_choice: number, from: number, to: number): string {
    let events = ''
    for (const part of segmentsWithin(this.#plan, from, to)) {
      const { segment, number } = part
      if (part.from === segment.from && number > 0) events += this.#stop(number - 1) + this.#start(number)
      const place = this.#place(number)
      for (let at = part.from; at < part.to; at++) {
        const delta = this.#plan.textAt(at)
        if (segment.kind === 'call')
          events += this.#event('response.function_call_arguments.delta', { ...place, delta })
        else if (segment.kind === 'thought') events += this.#event('response.reasoning_text.delta', { ...place, delta })
        else events += this.#event('response.output_text.delta', { ...place, delta, logprobs: [] })
      }
    }
    return events
  }

  end(): string {
    return this.#stop(this.#plan.segments.length - 1)
  }

  close(usage: Usage): string {
    return this.#event(`response.${this.#endStatus}`, { response: this.whole(usage) })
  }

  error(message: string): string {
    return this.#event('error', { code: 'server_error', message, param: null })
  }

  whole(usage: Usage): object {
    const { segments } = this.#plan
    const items = segments.map((segment, number) => {
      const status = number === segments.length - 1 ? this.#endStatus : 'completed'
      return this.#item(number, status, planText(this.#plan, segment))
    })
    return this.#response(this.#endStatus, items, usage)
  }
}
