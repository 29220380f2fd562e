/** OpenAI's chat completions, with the extra fields of vLLM (token ids, stop_reason) and llama.cpp (timings). */
import type { Plan } from '../prompt/plan.ts'
import {
  planIds,
  planText,
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
    const { plans, wantsTokenIds } = this.#context
    return plans
      .map((plan, choice) => {
        const tail = wantsTokenIds && choice === 0 ? { prompt_token_ids: plan.prompt.ids } : {}
        if (plan.tool === null) return this.#chunk(choice, { role: 'assistant', content: '' }, {}, tail)
        const call = {
          index: 0,
          id: this.#toolId(plan),
          type: 'function',
          function: { name: plan.tool, arguments: '' },
        }
        return this.#chunk(choice, { role: 'assistant', content: null, tool_calls: [call] }, {}, tail)
      })
      .join('')
  }

  #toolId(plan: Plan): string {
    return `call_${this.#context.id}_${plan.tool ?? ''}`.slice(0, 40)
  }

  pieces(choice: number, from: number, to: number): string {
    const plan = this.#plan(choice)
    let events = ''
    for (let at = from; at < to; at++) {
      const text = JSON.stringify(plan.textAt(at))
      const delta =
        plan.tool === null ? `{"content":${text}}` : `{"tool_calls":[{"index":0,"function":{"arguments":${text}}}]}`
      const ids = this.#context.wantsTokenIds ? `,"token_ids":[${plan.idAt(at)}]` : ''
      events += `${this.#head}{"index":${choice},"delta":${delta},"logprobs":null,"finish_reason":null${ids}}]}\n\n`
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
    const text = planText(plan)
    const call = { id: this.#toolId(plan), type: 'function', function: { name: plan.tool, arguments: text } }
    const message =
      plan.tool === null
        ? { role: 'assistant', content: text }
        : { role: 'assistant', content: null, tool_calls: [call] }
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
