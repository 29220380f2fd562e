/**
 * From what a call may come to, to what is asked of the store of allowances; and why that is refused, in words. Pure.
 */
import { Fault } from '../../fault/fault.ts'
import { type AllowanceKind, allowanceKinds, type Left, type Wish } from '../../store/allowance-store.ts'
import type { KeyLimits } from './key-limits.ts'

/** Nobody comes back the sooner for knowing of so many calls under way. */
const callsWaitMs = 1000

export interface Amounts {
  readonly requests: number
  readonly tokens: number
  readonly money: number
}

export function amountOf(kind: AllowanceKind, { requests, tokens, money }: Amounts): number {
  if (kind === 'requestsPerMinute') return requests
  return kind.startsWith('money') ? money : tokens
}

export function wishesOf(limits: KeyLimits, amounts: Amounts): Wish[] {
  return allowanceKinds.flatMap((kind) => {
    const limit = limits[kind]
    return limit === undefined ? [] : [{ kind, amount: amountOf(kind, amounts), limit }]
  })
}

const limitWords: Readonly<Record<AllowanceKind, string>> = {
  requestsPerMinute: 'calls a minute',
  tokensPerMinute: 'tokens a minute',
  tokensPerDay: 'tokens a day',
  tokensPerMonth: 'tokens a month',
  moneyPerDay: 'of cost a day',
  moneyPerMonth: 'of cost a month',
}

export function refusalOf(
  kind: Left['kind'] | 'calls',
  waitMs: number | null,
  limits: KeyLimits,
  nowMs: number,
): Fault {
  if (kind === 'calls') {
    const detail = `${limits.callsLiveMax} calls at once are the limit of this key`
    return new Fault('HF_KEY_RATE', { detail, retryAfterMs: waitMs ?? callsWaitMs })
  }
  const detail = `${limits[kind]} ${limitWords[kind]} are the limit of this key`
  if (kind.endsWith('PerMinute')) return new Fault('HF_KEY_RATE', { detail, retryAfterMs: waitMs ?? callsWaitMs })
  return new Fault('HF_KEY_BUDGET', { detail, ...(waitMs !== null && { untilMs: nowMs + waitMs }) })
}
