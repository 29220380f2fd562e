/** OpenAI's chat completions, with the extra fields of vLLM (token ids, stop_reason) and llama.cpp (timings). */
import type { Plan } from '../prompt/plan.ts'
import {
  planIds,
  planText,
  segmentsWithin,
  textOfKind,
  toEvent,
  toOpenaiUsage,
  toTimings,
  type Timing,
  type Usage,
  type Voice,
  type VoiceContext,
} from './voice.ts'

export class ChatVoice implements Voice {
  readonly done = 'data: [DONE]\n\n'
  readonly #context: VoiceContext
  /** What all events of this answer begin with, written once. */
  readonly #head: string

  constructor(context: VoiceContext) {
    this.#context = context
    const head = {
      id: `chatcmpl-${context.id}`,
      object: 'chat.completion.chunk',
      created: context.createdS,
      model: context.model,
    }
    this.#head = `data: ${JSON.stringify(head).slice(0, -1)},"choices":[`
  }

  #plan(choice: number): Plan {
    const plan = this.#context.plans[choice]
    if (!plan) throw new RangeError(`choice ${choice} of ${this.#context.plans.length}`)
    return plan
  }

  #chunk(choice: number, delta: object, rest: object, tail: object = {}): string {
    const body = { index: choice, delta, logprobs: null, finish_reason: null, ...rest }
    const more = Object.keys(tail).length === 0 ? '' : `,${JSON.stringify(tail).slice(1, -1)}`
    return `${this.#head}${JSON.stringify(body)}]${more}}\n\n`
  }

  begin(): string {
    const { plans, wantsTokenIds, profile } = this.#context
    return plans
      .map((plan, choice) => {
        // SGLang tells the ids of the answer only.
        const tellsPrompt = wantsTokenIds && choice === 0 && profile.name !== 'sglang'
        const tail = tellsPrompt ? { prompt_token_ids: plan.prompt.ids } : {}
        const isCall = plan.segments[0]?.kind === 'call'
        const opened = isCall ? { tool_calls: [this.#openCall(plan, 0)] } : {}
        return this.#chunk(choice, { role: 'assistant', content: isCall ? null : '', ...opened }, {}, tail)
      })
      .join('')
  }

  #openCall(plan: Plan, number: number): object {
    const { id, name, index } = this.#call(plan, number)
    return { index, id, type: 'function', function: { name, arguments: '' } }
  }

  /** Of stretch `number`: its index among the calls, and its id. */
  #call(plan: Plan, number: number): { id: string; name: string; index: number } {
    const name = plan.segments[number]?.name ?? ''
    const index = plan.segments.slice(0, number).filter(({ kind }) => kind === 'call').length
    return { id: `call_${this.#context.id}_${index === 0 ? '' : `${index}_`}${name}`.slice(0, 40), name, index }
  }

  pieces(choice: number, from: number, to: number): string {
    const plan = this.#plan(choice)
    let events = ''
    for (const part of segmentsWithin(plan, from, to)) {
      const { segment, number } = part
      const isBegun = part.from > segment.from || number === 0
      if (segment.kind === 'call' && !isBegun)
        events += this.#chunk(choice, { tool_calls: [this.#openCall(plan, number)] }, {})
      const before = segment.kind === 'call' ? `{"tool_calls":[{"index":${this.#call(plan, number).index},` : ''
      for (let at = part.from; at < part.to; at++) {
        const text = JSON.stringify(plan.textAt(at))
        const delta =
          segment.kind === 'call'
            ? `${before}"function":{"arguments":${text}}}]}`
            : `{"${segment.kind === 'thought' ? 'reasoning_content' : 'content'}":${text}}`
        const ids = this.#context.wantsTokenIds ? `,"token_ids":[${plan.idAt(at)}]` : ''
        events += `${this.#head}{"index":${choice},"delta":${delta},"logprobs":null,"finish_reason":null${ids}}]}\n\n`
      }
    }
    return events
  }

  end(choice: number): string {
    const plan = this.#plan(choice)
    const stopReason = this.#context.profile.name === 'vllm' ? { stop_reason: plan.stopString } : {}
    return this.#chunk(choice, {}, { finish_reason: plan.finish, ...stopReason })
  }

  close(usage: Usage, timing: Timing): string {
    const timings = this.#context.profile.name === 'llamacpp' ? { timings: toTimings(usage, timing) } : {}
    if (!this.#context.wantsUsage) return ''
    return `${this.#head}],${JSON.stringify({ usage: toOpenaiUsage(usage), ...timings }).slice(1)}\n\n`
  }

  error(message: string): string {
    return toEvent({ error: { message, type: 'InternalServerError', param: null, code: 500 } })
  }

  #choice(plan: Plan, choice: number): object {
    const thought = textOfKind(plan, 'thought')
    const text = textOfKind(plan, 'text')
    const calls = plan.segments.flatMap((segment, number) => {
      if (segment.kind !== 'call') return []
      const { id, name } = this.#call(plan, number)
      return [{ id, type: 'function', function: { name, arguments: planText(plan, segment) } }]
    })
    const message = {
      role: 'assistant',
      content: calls.length > 0 && text === '' ? null : text,
      ...(thought === '' ? {} : { reasoning_content: thought }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    }
    const { profile, wantsTokenIds } = this.#context
    const stopReason = profile.name === 'vllm' ? { stop_reason: plan.stopString } : {}
    return {
      index: choice,
      message,
      logprobs: null,
      finish_reason: plan.finish,
      ...stopReason,
      ...(wantsTokenIds ? { token_ids: planIds(plan) } : {}),
    }
  }

  whole(usage: Usage, timing: Timing): object {
    const { id, createdS, model, plans, wantsTokenIds, profile } = this.#context
    return {
      id: `chatcmpl-${id}`,
      object: 'chat.completion',
      created: createdS,
      model,
      choices: plans.map((plan, choice) => this.#choice(plan, choice)),
      usage: toOpenaiUsage(usage),
      ...(wantsTokenIds ? { prompt_token_ids: plans[0]?.prompt.ids } : {}),
      ...(profile.name === 'llamacpp' ? { timings: toTimings(usage, timing) } : {}),
    }
  }
}
