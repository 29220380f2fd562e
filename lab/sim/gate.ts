/** What a hosted provider looks at before it reads the body: the key, the version header, the rate. */
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

const windowMs = 60_000

/** Requests in the minute that runs. */
export class RateWindow {
  readonly limit: number
  #startedMs = -Infinity
  #count = 0
  /** `limit` 0 = none. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Counts one request; how many are left (negative: refused) and when the next window begins, in milliseconds. */
  take(nowMs: number): { left: number; resetMs: number } {
    if (nowMs - this.#startedMs >= windowMs) {
      this.#startedMs = nowMs
      this.#count = 0
    }
    this.#count++
    return { left: this.limit - this.#count, resetMs: this.#startedMs + windowMs - nowMs }
  }
}

function checkKey({ request, sim }: Exchange): void {
  const { profile, settings } = sim
  if (profile.key === 'none' && settings.apiKey === null) return
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  // Anthropic takes a key in either place, and its client has moved from the one to the other.
  const given = profile.key === 'x-api-key' ? (request.headers['x-api-key'] ?? bearer) : bearer
  if (typeof given === 'string' && (settings.apiKey === null || given === settings.apiKey)) return
  throw new Refusal('no_key', profile.key === 'x-api-key' ? 'invalid x-api-key' : 'Incorrect API key provided.')
}

/** @throws {Refusal} */
export function checkCaller(exchange: Exchange, window: RateWindow): void {
  const { sim, request, response } = exchange
  // The health page is for load balancers, which have no key.
  if (exchange.route === 'health') return
  checkKey(exchange)
  if (sim.profile.name === 'anthropic' && request.headers['anthropic-version'] === undefined) {
    throw new Refusal('bad_request', 'anthropic-version: header is required')
  }
  if (sim.profile.name !== 'openai') return
  const limit = window.limit || 10_000
  const { left, resetMs } = window.take(sim.clock.monotonicMs())
  response.setHeader('x-ratelimit-limit-requests', String(limit))
  response.setHeader('x-ratelimit-remaining-requests', String(Math.max(0, limit - (window.limit - left))))
  response.setHeader('x-ratelimit-reset-requests', `${Math.ceil(resetMs)}ms`)
  if (window.limit > 0 && left < 0) {
    throw new Refusal('rate_limit', 'Rate limit reached for requests.', {
      headers: { 'retry-after': String(Math.ceil(resetMs / 1000)), 'retry-after-ms': String(Math.ceil(resetMs)) },
    })
  }
}
