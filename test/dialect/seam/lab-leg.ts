/**
 * The lab's servers without sockets, engine or time: a request in, the events of the whole answer out, as the simulated
 * server would send them. And a caller who reads them through Holdfast's dialects, cut wherever a test likes.
 */
import assert from 'node:assert/strict'
import { profiles, type ProfileName } from '../../../lab/profile.ts'
import type { Plan } from '../../../lab/prompt/plan.ts'
import { readAsk } from '../../../lab/sim/read-ask.ts'
import { ChatVoice } from '../../../lab/voice/chat-voice.ts'
import { CompletionsVoice } from '../../../lab/voice/completions-voice.ts'
import { MessagesVoice } from '../../../lab/voice/messages-voice.ts'
import { ResponsesVoice } from '../../../lab/voice/responses-voice.ts'
import type { Call, Route } from '../../../src/dialect/call.ts'
import { readCall } from '../../../src/dialect/read-call.ts'
import { ladder, type LadderOptions } from '../../../src/dialect/seam/ladder.ts'
import { openLeg, type LegOptions } from '../../../src/dialect/seam/leg.ts'
import { readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import type { LegFacts, Rung } from '../../../src/dialect/seam/rung.ts'
import { SseSplitter } from '../../../src/dialect/sse-splitter.ts'
import { translate } from '../../../src/dialect/translate.ts'
import type { StreamReader, Translation } from '../../../src/dialect/translation.ts'
import { Capabilities } from '../../../src/fleet/capability.ts'
import { Upstream } from '../../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../../src/fleet/upstream-options.ts'
import type { UpstreamKind } from '../../../src/fleet/upstream-kind.ts'
import { ManualClock } from '../../../src/ground/manual-clock.ts'

const voices = { chat: ChatVoice, completions: CompletionsVoice, messages: MessagesVoice, responses: ResponsesVoice }

export interface Server {
  readonly profile: ProfileName
  /** Repeats a continued beginning before it goes on. */
  readonly echoes?: boolean
  /** Other words at every asking, by this number. */
  readonly salt?: number
  /** Tokens as this model makes them, in place of the lab's own. */
  readonly script?: (fields: Record<string, unknown>) => Plan
}

let answerCount = 0

/** The answer of a lab server, whole. @throws {Refusal} when it refuses the request. */
export function answerOf(server: Server, route: Route, body: Buffer): string {
  const fields = JSON.parse(body.toString()) as Record<string, unknown>
  const profile = profiles[server.profile]
  const ask = readAsk(route, fields, {
    profile,
    contextTokensMax: 100_000,
    range: { min: 12, max: 12 },
    salt: server.salt ?? 0,
  })
  const plans = server.script ? [server.script(fields)] : ask.plans
  const spoken = server.echoes ? plans.map(withEcho) : plans
  const Voice = voices[route as keyof typeof voices]
  const { wantsUsage, wantsTokenIds } = ask
  const context = { id: `x${answerCount++}`, model: 'lab-model', createdS: 1000 + answerCount, profile, plans: spoken }
  const voice = new Voice({ ...context, wantsUsage, wantsTokenIds })
  const promptTokens = plans[0]?.prompt.ids.length ?? 0
  const usage = {
    promptTokens,
    completionTokens: plans.reduce((sum, { count }) => sum + count, 0),
    cachedTokens: 0,
  }
  let events = voice.begin(promptTokens, 0)
  for (const [choice, { count }] of spoken.entries()) events += voice.pieces(choice, 0, count) + voice.end(choice)
  return events + voice.close(usage, { promptMs: 1, answerMs: 1 }) + voice.done
}

function withEcho(plan: Plan): Plan {
  const { said } = plan.prompt
  if (said === '' || plan.count === 0 || plan.segments[0]?.kind !== 'text') return plan
  return { ...plan, textAt: (at) => (at === 0 ? said : '') + plan.textAt(at) }
}

export function callOf(route: Route, body: object): Call {
  return readCall(route, Buffer.from(JSON.stringify({ model: 'lab-model', stream: true, ...body })), {})
}

/** What the caller got, and how the reader stands afterwards. */
export interface Told {
  readonly events: readonly KeptEvent[]
  readonly reader: StreamReader
}

/** Reads a whole answer. */
export function tell(translation: Translation, text: string): Told {
  const events: KeptEvent[] = []
  const reader = translation.streamReader((event, aside) => events.push({ event, aside: aside ?? null }))
  new SseSplitter((event) => reader.read(event)).push(Buffer.from(text))
  if (!reader.failure) reader.end()
  return { events, reader }
}

/** The answer as it is when nothing breaks. */
export function unbroken(call: Call, server: Server): Told {
  const translation = translate(call, speaks(server), 'lab-model', {
    wantsTokenIds: server.profile === 'vllm' || server.profile === 'sglang',
    nowMs: 5_000_000,
  })
  assert.ok(translation)
  const told = tell(translation, answerOf(server, translation.route, Buffer.concat(translation.body)))
  assert.equal(told.reader.failure, null)
  assert.ok(told.reader.isComplete)
  return told
}

export function speaks({ profile }: Server): ReadonlySet<Route> {
  const known = ['chat', 'completions', 'messages', 'responses'] as const
  return new Set(known.filter((route) => profiles[profile].routes.includes(route)))
}

export function factsOf(server: Server, route: Route, more: Partial<LegFacts> = {}): LegFacts {
  const kind = server.profile as UpstreamKind
  const upstream = new Upstream(
    kind,
    upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1', kind }),
    null,
    new ManualClock(),
  )
  return {
    upstream: kind,
    kind,
    speaks: speaks(server),
    model: 'lab-model',
    isSameModel: true,
    rungs: new Capabilities(new ManualClock()).rungs(upstream, 'lab-model', route),
    ...more,
  }
}

export interface Seam {
  readonly call: Call
  readonly server: Server
  readonly options?: LegOptions
  readonly ladderOptions?: LadderOptions
  readonly facts?: Partial<LegFacts>
}

/** The ways that the ladder names after these events. */
export function rungsOf({ call, server, ladderOptions, facts }: Seam, events: readonly KeptEvent[]): Rung[] {
  return ladder(call, readPartial(call.route, events), factsOf(server, call.route, facts), ladderOptions)
}

/** Goes on with an answer by one rung; gives what the caller gets beyond these events. */
export function goOn({ call, server, options, facts }: Seam, events: readonly KeptEvent[], rung: Rung): Told {
  const partial = readPartial(call.route, events)
  const leg = openLeg(call, partial, rung, factsOf(server, call.route, facts), {
    nowMs: 9_000_000,
    ...options,
    wantsTokenIds: server.profile === 'vllm' || server.profile === 'sglang',
  })
  assert.ok(leg)
  return tell(leg, answerOf(server, leg.route, Buffer.concat(leg.body)))
}
