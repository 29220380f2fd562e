/** One answer that is asked for in the simulated world: the question, who reads it and how, and what became of it. */
import { expectedAnswer } from '../../lab/answer.ts'
import type { Route } from '../../src/dialect/call.ts'
import { readCall } from '../../src/dialect/read-call.ts'
import { callKeyOf } from '../../src/relay/call-key.ts'

/** How one client reads. All counts are of events received. */
export interface ReaderPlan {
  readonly name: string
  /** Milliseconds after the beginning, or after the answer was begun for those who join later. */
  readonly afterMs: number
  /** Drops its connection there, and comes back later. */
  readonly drops: readonly { readonly atCount: number; readonly awayMs: number }[]
  /** Stops taking bytes there for a while. */
  readonly rest: { readonly atCount: number; readonly ms: number } | null
  /** Leaves there for good. */
  readonly leavesAt: number | null
  /** Loses its connection there and, not having seen an answer, sends the call once more. */
  readonly repostsAt: number | null
}

export interface StoryPlan {
  readonly name: string
  readonly caller: string
  readonly route: Route
  readonly isStream: boolean
  readonly isStored: boolean
  /** Length of the answer in tokens. */
  readonly tokens: number
  /** Asked as the most; null for no limit. */
  readonly tokensMax: number | null
  readonly idempotencyKey: string | null
  readonly onDisconnect: 'cancel' | 'detach'
  readonly beginsMs: number
  /** The first one asks, the others read along. */
  readonly readers: readonly ReaderPlan[]
  /** Somebody cancels, so long after the answer was begun. */
  readonly cancelsAfterMs: number | null
}

export class Story {
  readonly plan: StoryPlan
  readonly question: string
  readonly body: Buffer
  /** By what the journal knows that a call is the same. */
  readonly callKey: string | null
  /** What the text must be. */
  readonly expected: string
  /** By what the answer is known to the clients. */
  ray: string | null = null
  /** Called when a reader learns the ray. */
  onRay: () => void = () => {}
  /** When a cancel was confirmed, on the world's clock. */
  cancelledMs: number | null = null
  postCount = 0

  constructor(plan: StoryPlan) {
    this.plan = plan
    this.question = `${plan.name} tokens:${plan.tokens}`
    this.expected = expectedAnswer(this.question, Math.min(plan.tokens, plan.tokensMax ?? plan.tokens))
    this.body = Buffer.from(JSON.stringify(requestOf(plan, this.question)))
    this.callKey = callKeyOf({
      call: readCall(plan.route, this.body, {}),
      toldId: null,
      cache: null,
      idempotencyKey: null,
    })
  }

  named(ray: string): void {
    if (this.ray === ray) return
    this.ray = ray
    this.onRay()
  }
}

function requestOf({ route, isStream, tokensMax, isStored }: StoryPlan, question: string): object {
  const common = { model: 'lab', stream: isStream }
  const messages = [{ role: 'user', content: question }]
  if (route === 'messages') return { ...common, messages, max_tokens: tokensMax ?? 4000 }
  if (route === 'responses')
    return { ...common, input: question, store: isStored, ...(tokensMax !== null && { max_output_tokens: tokensMax }) }
  const limit = tokensMax === null ? {} : { max_tokens: tokensMax }
  if (route === 'completions') return { ...common, prompt: question, ...limit }
  return { ...common, messages, ...limit, ...(isStored && { store: true }) }
}
