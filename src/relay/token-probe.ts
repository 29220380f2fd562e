/**
 * Asks an upstream for eight tokens behind the scenes, in a language that it speaks, as a streamed call like any other:
 * what would be a failure of a caller's answer is one of this. Only a whole answer shows that it generates; that it is
 * up, or lists its models, does not.
 */
import type { Route } from '../dialect/call.ts'
import { readCall } from '../dialect/read-call.ts'
import { translate } from '../dialect/translate.ts'
import { Fault } from '../fault/fault.ts'
import type { Timeouts } from '../fleet/pool-options.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import { Attempt } from './attempt.ts'
import type { Places } from './overload/places.ts'
import { credentials } from './upstream-headers.ts'
import type { WireSource } from './wire/wires.ts'

/** By which its question can be told from callers' in the server's log. */
export const probeRequestId = 'holdfast-token-probe'
const tokensMax = 8
const answerBytesMax = 2 ** 20
/** Longer is no token for a caller either. */
const timeouts: Timeouts = {
  connectMs: 5000,
  firstTokenMs: 15_000,
  firstTokenSwitchMs: 15_000,
  interTokenMs: 10_000,
  wholeMs: 20_000,
  totalMs: 30_000,
  patienceMs: 0,
}
const prompt = 'Count from one to six in English words, separated by commas.'
const messages = [{ role: 'user', content: prompt }]

/** What is asked on each route; the first one that the upstream speaks is taken. */
const asks: readonly (readonly [route: Route, fields: object])[] = [
  ['chat', { messages, max_tokens: tokensMax }],
  ['messages', { messages, max_tokens: tokensMax }],
  ['completions', { prompt, max_tokens: tokensMax }],
  // Fewer than 16 are refused on this route.
  ['responses', { input: prompt, max_output_tokens: 16, store: false }],
]

export interface Proof {
  /** Why there was no whole answer; null when there was. */
  readonly fault: Fault | null
  /** From the question to the first token; null while none came. Milliseconds. */
  readonly firstTokenMs: number | null
}

/** The question itself was refused, and not for being away or busy: a caller may have a better one. */
export function isRefused({ code, receivedStatus }: Fault): boolean {
  const status = receivedStatus ?? 0
  return code === 'HF_ROUTE_UNSPOKEN' || (status >= 400 && status < 500 && status !== 429)
}

export class TokenProber {
  #clock: Clock
  #wires: WireSource
  #places: Places

  constructor(clock: Clock, wires: WireSource, places: Places) {
    this.#clock = clock
    this.#wires = wires
    this.#places = places
  }

  /**
   * `model` is its name there. `done` is called once, later; with HF_ROUTE_UNSPOKEN where it speaks nothing that is
   * answered in tokens.
   */
  ask(upstream: Upstream, model: string, done: (proof: Proof) => void): void {
    const ask = asks.find(([route]) => upstream.speaks.has(route))
    const translation = ask && translate(callOf(ask, model), upstream.speaks, model, { wantsUsage: false })
    if (!translation) return this.#clock.soon(() => done({ fault: new Fault('HF_ROUTE_UNSPOKEN'), firstTokenMs: null }))
    const passage = this.#places.enter(upstream, model, { promptTokens: 2 * tokensMax, outputTokens: tokensMax }, true)
    const key = upstream.keys.pick()
    const { route } = translation
    const headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'user-agent': 'holdfast',
      'x-request-id': probeRequestId,
      ...credentials(upstream, route, key?.secret ?? null),
    }
    let isOver = false
    const end = (fault: Fault | null): void => {
      if (isOver) return
      isOver = true
      passage.end()
      if (key && fault) upstream.keys.fail(key, fault)
      late.cancel()
      const { firstContentMs, beganMs } = attempt
      done({ fault, firstTokenMs: firstContentMs === null ? null : firstContentMs - beganMs })
    }
    const wire = this.#wires.to(upstream)
    const switchMs = timeouts.firstTokenMs
    const order = { upstream, passage, wire, translation, isStream: true, headers, timeouts, switchMs, answerBytesMax }
    const attempt = new Attempt(this.#clock, order, {
      maySwitch: () => false,
      onCommit: () => {},
      onEvent: () => {},
      onTurn: () => {},
      onWhole: () => {},
      onStreamEnd: () => end(attempt.contentCount > 0 ? null : new Fault('HF_UPSTREAM_EMPTY')),
      onFault: end,
    })
    const late = this.#clock.after(timeouts.totalMs, () => {
      attempt.cancel()
      end(new Fault('HF_UPSTREAM_STALLED', { detail: `no whole answer within ${timeouts.totalMs} ms` }))
    })
    attempt.start()
  }
}

function callOf([route, fields]: (typeof asks)[number], model: string): ReturnType<typeof readCall> {
  return readCall(route, Buffer.from(JSON.stringify({ model, stream: true, ...fields })), {})
}
