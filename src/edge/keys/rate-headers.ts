/**
 * What a key has left, in the headers that SDKs know: `x-ratelimit-*` as OpenAI has them, `anthropic-ratelimit-*` for
 * the other family. Both speak of requests and tokens of a minute; longer budgets have no header.
 */
import type { Family } from '../../dialect/call.ts'
import type { Left } from '../../store/allowance-store.ts'

const names = { requestsPerMinute: 'requests', tokensPerMinute: 'tokens' } as const

/** Names and values in turn. `nowMs`: since 1970. */
export function rateHeaders(left: readonly Left[], family: Family, nowMs: number): string[] {
  const headers: string[] = []
  for (const each of left) {
    const name = each.kind in names ? names[each.kind as keyof typeof names] : null
    if (name === null) continue
    const [limit, remaining] = [String(each.limit), String(Math.floor(each.left))]
    if (family === 'openai')
      headers.push(
        ...[`x-ratelimit-limit-${name}`, limit, `x-ratelimit-remaining-${name}`, remaining],
        ...[`x-ratelimit-reset-${name}`, spanText(each.resetMs)],
      )
    else
      headers.push(
        ...[`anthropic-ratelimit-${name}-limit`, limit, `anthropic-ratelimit-${name}-remaining`, remaining],
        ...[`anthropic-ratelimit-${name}-reset`, new Date(nowMs + each.resetMs).toISOString()],
      )
  }
  return headers
}

/** As Go writes a duration, for so does OpenAI: `120ms`, `7.66s`, `6m0s`. */
export function spanText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 10) / 100
  if (seconds < 60) return `${seconds}s`
  const whole = Math.ceil(ms / 1000)
  return `${Math.floor(whole / 60)}m${whole % 60}s`
}
