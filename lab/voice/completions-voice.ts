/** OpenAI's plain completions, with the token ids of vLLM. */
import type { Plan } from '../prompt/plan.ts'
import { planIds, planText, toEvent, toOpenaiUsage, type Usage, type Voice, type VoiceContext } from './voice.ts'

export class CompletionsVoice implements Voice {
  readonly done = 'data: [DONE]\n\n'
  readonly #context: VoiceContext

  constructor(context: VoiceContext) {
    this.#context = context
  }

  get #head(): object {
    const { id, createdS, model } = this.#context
    return { id: `cmpl-${id}`, object: 'text_completion', created: createdS, model }
  }

  #choice(choice: number, text: string, plan: Plan | null, ids: object): object {
    const finish = plan ? { finish_reason: plan.finish, stop_reason: plan.stopString } : { finish_reason: null }
    return { index: choice, text, logprobs: null, ...finish, ...ids }
  }

  begin(): string {
    return ''
  }

  pieces(choice: number, from: number, to: number): string {
    const { plans, wantsTokenIds } = this.#context
    const plan = plans[choice]
    let events = ''
    if (!plan) return events
    for (let at = from; at < to; at++) {
      const promptIds = at === 0 ? { prompt_token_ids: plan.prompt.ids } : {}
      const ids = wantsTokenIds ? { ...promptIds, token_ids: [plan.idAt(at)] } : {}
      events += toEvent({ ...this.#head, choices: [this.#choice(choice, plan.textAt(at), null, ids)] })
    }
    return events
  }

  end(choice: number): string {
    const plan = this.#context.plans[choice] ?? null
    return toEvent({ ...this.#head, choices: [this.#choice(choice, '', plan, {})] })
  }

  close(usage: Usage): string {
    return this.#context.wantsUsage ? toEvent({ ...this.#head, choices: [], usage: toOpenaiUsage(usage) }) : ''
  }

  error(message: string): string {
    return toEvent({ error: { message, type: 'InternalServerError', param: null, code: 500 } })
  }

  whole(usage: Usage): object {
    const { plans, wantsTokenIds } = this.#context
    const choices = plans.map((plan, choice) => {
      const ids = wantsTokenIds ? { prompt_token_ids: plan.prompt.ids, token_ids: planIds(plan) } : {}
      return this.#choice(choice, planText(plan), plan, ids)
    })
    return { ...this.#head, choices, usage: toOpenaiUsage(usage) }
  }
}
