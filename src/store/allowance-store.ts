/**
 * What keys have used of what they may: the contract of where it is kept, and the rule by which it is taken, which is
 * the same for all keepers. A rate is a bucket that empties evenly (the generic cell rate algorithm of ATM, also known
 * as a leaky bucket as a meter); a budget is a sum that begins anew with each day or month, by UTC.
 */

/** What is counted. `calls` are those under way; money is in units of the prices in the configuration. */
export const allowanceKinds = [
  'requestsPerMinute',
  'tokensPerMinute',
  'tokensPerDay',
  'tokensPerMonth',
  'moneyPerDay',
  'moneyPerMonth',
] as const
export type AllowanceKind = (typeof allowanceKinds)[number]

export interface Wish {
  readonly kind: AllowanceKind
  readonly amount: number
  readonly limit: number
}

/** What a key has used of one kind. */
export interface Used {
  readonly amount: number
  /** When that was so, milliseconds since 1970. */
  readonly atMs: number
}

/** What is left of one kind, and when all of it will be there again. */
export interface Left {
  readonly kind: AllowanceKind
  readonly limit: number
  readonly left: number
  readonly resetMs: number
}

export type Taken =
  | { readonly isGranted: true; readonly left: readonly Left[] }
  /** `kind`: what does not suffice. `calls`: too many at once. `waitMs`: until it will, as far as that is known. */
  | {
      readonly isGranted: false
      readonly kind: AllowanceKind | 'calls'
      readonly waitMs: number | null
      readonly left: readonly Left[]
    }

export interface Ask {
  /** Name of the key. */
  readonly key: string
  readonly wishes: readonly Wish[]
  /** Calls that may be under way at once; null for any number. */
  readonly callsMax: number | null
}

/** What has changed since something was taken; amounts may be negative. */
export interface Return {
  readonly key: string
  readonly amounts: readonly { readonly kind: AllowanceKind; readonly amount: number; readonly limit: number }[]
  /** A call is over that took a place among those under way. */
  readonly isOver: boolean
}

/** Shared by all processes of a gateway where it is a file. */
export interface AllowanceStore extends Disposable {
  /** All of it or nothing. @throws when it cannot be read or written. */
  take(ask: Ask): Taken
  /** Is written at once or a little later. */
  give(given: Return): void
  /** Calls that a dead process had under way are over. Never throws: it is found out by its silence as well. */
  bury(node: string): void
  /** Of all keys, or of one: amounts that count now. */
  used(key?: string): ReadonlyMap<string, ReadonlyMap<AllowanceKind, number>>
}

const minuteMs = 60_000
const dayMs = 86_400_000

/** What counts now of what was used then. A clock that steps back forgives nothing and takes nothing. */
export function usedNow(kind: AllowanceKind, limit: number, used: Used | undefined, nowMs: number): number {
  if (!used) return 0
  if (kind.endsWith('PerMinute')) {
    const flownMs = Math.max(0, nowMs - used.atMs)
    return Math.max(0, used.amount - (flownMs * limit) / minuteMs)
  }
  return periodBeginMs(kind, used.atMs) < periodBeginMs(kind, nowMs) ? 0 : used.amount
}

/** What there is left, and how long until there is enough for a wish, or until all of it is back. */
export function leftOf({ kind, limit }: Pick<Wish, 'kind' | 'limit'>, used: number, nowMs: number): Left {
  const resetMs = kind.endsWith('PerMinute') ? (used * minuteMs) / limit : periodEndMs(kind, nowMs) - nowMs
  return { kind, limit, left: Math.max(0, limit - used), resetMs: Math.max(0, resetMs) }
}

/** A wish beyond all that there ever is, is granted when all is there: the debt is paid off afterwards. */
export function waitFor({ kind, amount, limit }: Wish, used: number, nowMs: number): number {
  const lacking = used + Math.min(amount, limit) - limit
  // What has been used to the last part of a token is used up.
  if (lacking <= 1e-6 && !(kind.startsWith('money') && used >= limit)) return 0
  return kind.endsWith('PerMinute') ? Math.ceil((lacking * minuteMs) / limit) : periodEndMs(kind, nowMs) - nowMs
}

function periodBeginMs(kind: AllowanceKind, ms: number): number {
  if (kind.endsWith('PerDay')) return Math.floor(ms / dayMs) * dayMs
  const date = new Date(ms)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

function periodEndMs(kind: AllowanceKind, ms: number): number {
  if (kind.endsWith('PerDay')) return periodBeginMs(kind, ms) + dayMs
  const date = new Date(ms)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

/**
 * What has been used after something was given back, or taken beyond. What is no number changes nothing: written down
 * it would end the counting for all.
 */
export function usedAfter(used: number, amount: number): number {
  return Number.isFinite(amount) ? Math.max(0, used + amount) : used
}

/** What a keeper is to write down of one kind. */
export interface Write {
  readonly kind: AllowanceKind
  readonly amount: number
  readonly limit: number
}

/** The whole rule. `usedOf`: what was written last. Gives the answer, and what is to be written, granted or not. */
export function decide(
  { wishes, callsMax }: Ask,
  callsLive: number,
  usedOf: (kind: AllowanceKind) => Used | undefined,
  nowMs: number,
): { readonly taken: Taken; readonly writes: readonly Write[] } {
  const known = wishes.map((wish) => {
    const before = usedOf(wish.kind)
    const isAhead = before !== undefined && before.atMs > nowMs
    return { wish, isAhead, used: usedNow(wish.kind, wish.limit, before, nowMs) }
  })
  const refuse = (kind: AllowanceKind | 'calls', waitMs: number | null): Taken => {
    const left = known.map(({ wish, used }) => leftOf(wish, used, nowMs))
    return { isGranted: false, kind, waitMs, left }
  }
  if (callsMax !== null && callsLive >= callsMax) return { taken: refuse('calls', null), writes: [] }
  const waits = known.map(({ wish, used }) => waitFor(wish, used, nowMs))
  const longest = Math.max(0, ...waits)
  if (longest > 0) {
    const kind = (known[waits.indexOf(longest)] as (typeof known)[number]).wish.kind
    // The clock has stepped back: time goes on from here, and not only once it is there again.
    const ahead = known.filter(({ isAhead }) => isAhead)
    const writes = ahead.map(({ wish, used }) => ({ kind: wish.kind, amount: used, limit: wish.limit }))
    return { taken: refuse(kind, longest), writes }
  }
  const left = known.map(({ wish, used }) => leftOf(wish, used + wish.amount, nowMs))
  const writes = known.map(({ wish, used }) => ({ kind: wish.kind, amount: used + wish.amount, limit: wish.limit }))
  return { taken: { isGranted: true, left }, writes }
}
