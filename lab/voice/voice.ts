/** How an answer is said on one route: as events while it is made, and as one body when it is whole. */
import type { Profile } from '../profile.ts'
import type { Plan, Segment } from '../prompt/plan.ts'

export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

/** How long reading and generating took. */
export interface Timing {
  readonly promptMs: number
  readonly answerMs: number
}

export interface VoiceContext {
  /** Unique for the request; voices put their own beginning before it. */
  readonly id: string
  readonly model: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly profile: Profile
  /** One for each choice. */
  readonly plans: readonly Plan[]
  readonly wantsUsage: boolean
  readonly wantsTokenIds: boolean
}

/** All texts are whole server-sent events, or empty where the dialect has nothing to say. */
export interface Voice {
  /** Before the first token. `cachedTokens` of the prompt's were in memory already. */
  begin(promptTokens: number, cachedTokens: number): string
  /** Tokens `from` up to, not including, `to` of a choice. */
  pieces(choice: number, from: number, to: number): string
  /** After the last token of a choice. */
  end(choice: number): string
  /** After the last choice. */
  close(usage: Usage, timing: Timing): string
  /** The very last event; what a server without manners leaves out. */
  readonly done: string
  /** An error in the middle of an answer. */
  error(message: string): string
  /** The answer in one piece. */
  whole(usage: Usage, timing: Timing): object
}

/** One event; `name` only where the dialect names them. */
export function toEvent(data: object, name?: string): string {
  return name === undefined ? `data: ${JSON.stringify(data)}\n\n` : `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** The whole text of a plan, or of one stretch of it. */
export function planText(plan: Plan, { from, to }: Pick<Segment, 'from' | 'to'> = { from: 0, to: plan.count }): string {
  let text = ''
  for (let at = from; at < to; at++) text += plan.textAt(at)
  return text
}

/** The text of all stretches of one kind. */
export function textOfKind(plan: Plan, kind: Segment['kind']): string {
  return plan.segments.map((segment) => (segment.kind === kind ? planText(plan, segment) : '')).join('')
}

/** The stretches that tokens `from` up to `to` lie in, each with its number in the plan and what of it lies there. */
export function segmentsWithin(
  plan: Plan,
  from: number,
  to: number,
): { readonly segment: Segment; readonly number: number; readonly from: number; readonly to: number }[] {
  return plan.segments
    .map((segment, number) => ({
      segment,
      number,
      from: Math.max(from, segment.from),
      to: Math.min(to, segment.to),
    }))
    .filter((part) => part.from < part.to)
}

/** The ids of a plan's tokens `from` up to, not including, `to`. */
export function planIds(plan: Plan, from = 0, to = plan.count): number[] {
  return Array.from({ length: to - from }, (_, at) => plan.idAt(from + at))
}

export function toOpenaiUsage(usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  }
}

/** llama.cpp's account of a request. */
export function toTimings(usage: Usage, timing: Timing): object {
  const read = usage.promptTokens - usage.cachedTokens
  return {
    cache_n: usage.cachedTokens,
    prompt_n: read,
    prompt_ms: timing.promptMs,
    prompt_per_second: (1000 * read) / Math.max(timing.promptMs, 0.001),
    predicted_n: usage.completionTokens,
    predicted_ms: timing.answerMs,
    predicted_per_second: (1000 * usage.completionTokens) / Math.max(timing.answerMs, 0.001),
  }
}
