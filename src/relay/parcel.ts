/**
 * An order packed into bytes, so that another node can go on with the answer when this one dies. It is one line of JSON
 * and, behind it, the caller's body as it came. The caller's credentials are never in it.
 */
import { readCall } from '../dialect/read-call.ts'
import type { Route } from '../dialect/call.ts'
import type { Target } from '../fleet/fleet.ts'
import type { Clock } from '../ground/clock.ts'
import type { Adopted } from '../store/journal.ts'
import type { Order } from './order.ts'

const lineFeed = 0x0a
const version = 1
/** Of parcels that an older version of this program packed. */
const defaults: Pick<Order, 'tier' | 'timeLimits' | 'session' | 'requestId' | 'trace' | 'cache'> = {
  tier: 'standard',
  timeLimits: { firstTokenMs: null, wholeMs: null },
  session: null,
  requestId: null,
  trace: null,
  cache: null,
}

interface Label extends Omit<Order, 'call' | 'callerKey' | 'beganMs'> {
  readonly version: number
  readonly route: Route
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly arrivedMs: number
}

/** Answers worth another node's while when this one dies. */
const adoptableRoutes: ReadonlySet<string> = new Set(['chat', 'completions', 'responses', 'messages'])

/**
 * The parcel that is kept with an answer; null for one that no other node could go on with: too large, of another kind,
 * or for upstreams that want the caller's own key.
 */
export function parcelOf(order: Order, { members }: Target, options: ParcelOptions): Buffer | null {
  const { call, callerKey } = order
  const needsKey = callerKey !== null && members.some(({ upstream }) => upstream.options.key === 'caller')
  const isTooLarge = call.body.bytes.length > options.requestBytesMax
  return needsKey || isTooLarge || !adoptableRoutes.has(call.route) ? null : packOrder(order, options.clock)
}

export interface ParcelOptions {
  /** Largest request that is kept, bytes. */
  readonly requestBytesMax: number
  readonly clock: Clock
}

export function packOrder(order: Order, clock: Clock): Buffer {
  const { call, callerKey: _callerKey, beganMs, ...rest } = order
  const arrivedMs = clock.nowMs() - (clock.monotonicMs() - beganMs)
  const label: Label = { ...rest, version, route: call.route, headers: call.headers, arrivedMs }
  return Buffer.concat([Buffer.from(`${JSON.stringify(label)}\n`), call.body.bytes])
}

/** Null for a parcel of another version of this program. @throws {Fault} for one that is damaged. */
export function unpackOrder(parcel: Buffer, clock: Clock): Order | null {
  const end = parcel.indexOf(lineFeed)
  const { version: packed, route, headers, arrivedMs, ...rest } = JSON.parse(parcel.toString('utf8', 0, end)) as Label
  if (packed !== version) return null
  const call = readCall(route, parcel.subarray(end + 1), headers)
  const beganMs = clock.monotonicMs() - Math.max(0, clock.nowMs() - arrivedMs)
  return { ...defaults, ...rest, call, callerKey: null, beganMs }
}

/** The order of an answer that is taken over; null where it was not kept, or makes no sense. */
export function orderOf({ request }: Pick<Adopted, 'request'>, clock: Clock): Order | null {
  try {
    return request && unpackOrder(request, clock)
  } catch {
    return null
  }
}
