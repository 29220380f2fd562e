/** How urgent a request is, by what its caller says: the tier, and the time that the caller gives. */
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../fault/fault.ts'
import type { TimeLimits } from '../relay/order.ts'
import { rankOf, type Tier, tiers } from '../relay/overload/tier.ts'

/** A call may take a day at most; who gives more gives no limit. */
const limitMsMax = 86_400_000

/**
 * The tier of the key, or a lower one that the caller asks for with `holdfast-tier`.
 * @throws {Fault} HF_BAD_CALL for a name that is none, or a tier that is not the key's to use.
 */
export function readTier(headers: IncomingHttpHeaders, own: Tier): Tier {
  const asked = headers['holdfast-tier']
  if (asked === undefined) return own
  const tier = tiers.find((name) => name === asked)
  if (tier && rankOf(tier) >= rankOf(own)) return tier
  const detail = tier
    ? `this key may use ${tiers.slice(rankOf(own)).join(' and ')}`
    : `holdfast-tier is one of ${tiers.join(', ')}`
  throw new Fault('HF_BAD_CALL', { param: 'holdfast-tier', detail })
}

/**
 * The time that the caller gives: `x-request-timeout` for the whole answer, in seconds or with a unit (`1500ms`,
 * `20s`); `x-slo-ttft-ms` for the first token; and what SDKs say of their own timeouts, which they count until the
 * first byte of a stream.
 * @throws {Fault} HF_BAD_CALL for a time that makes no sense in the first two; SDKs are not the caller's to correct.
 */
export function readTimeLimits(headers: IncomingHttpHeaders, isStream: boolean): TimeLimits {
  const asked = headers['x-request-timeout']
  const askedFirst = headers['x-slo-ttft-ms']
  const sdk = headers['x-stainless-timeout'] ?? headers['x-stainless-read-timeout']
  if (asked === undefined && askedFirst === undefined && sdk === undefined) return noLimits
  const sdkMs = typeof sdk === 'string' ? toMs(sdk, 1000) : null
  const wholeMs = needMs('x-request-timeout', asked, 1000)
  const firstMs = needMs('x-slo-ttft-ms', askedFirst, 1)
  return { wholeMs: wholeMs ?? (isStream ? null : sdkMs), firstTokenMs: firstMs ?? (isStream ? sdkMs : null) }
}

const noLimits: TimeLimits = { firstTokenMs: null, wholeMs: null }

function needMs(name: string, value: string | string[] | undefined, unitMs: number): number | null {
  if (value === undefined) return null
  const ms = typeof value === 'string' ? toMs(value, unitMs) : null
  if (ms !== null) return ms
  const detail = `${name} is a time above 0, like ${unitMs === 1 ? '800' : '20, 20s or 1500ms'}`
  throw new Fault('HF_BAD_CALL', { param: name, detail })
}

/** Null for what is no time, or none that limits anything. */
function toMs(text: string, unitMs: number): number | null {
  const [, digits, unit] = /^(\d{1,12}(?:\.\d{1,6})?) ?(ms|s)?$/.exec(text) ?? []
  if (digits === undefined) return null
  const ms = Number(digits) * (unit === undefined ? unitMs : unit === 's' ? 1000 : 1)
  return ms > 0 ? Math.min(ms, limitMsMax) : null
}
