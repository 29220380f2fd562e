/** Whether a settled call was good in the sense of an objective. Pure. */
import { faultKind } from '../fault/code.ts'
import { type ExchangeFact, webRoute } from '../observe/exchange-fact.ts'
import { isLost, type Visit } from '../observe/visit.ts'
import type { Objective } from './objective-options.ts'
import type { SliName } from './sli-name.ts'
import { thresholdMs } from './threshold.ts'

/** Readings of answers that were given before; not calls. */
const readings = 'answers'
/** Requests to durable streams, and to pages and applications: of them only those that fail are told. */
const notCalls = new Set(['streams', webRoute])

/** What an indicator needs of the account of a call. */
export type Judged = Pick<
  ExchangeFact,
  'route' | 'model' | 'caller' | 'isStream' | 'outcome' | 'code' | 'firstTokenMs' | 'durationMs' | 'outputTokens'
> & { readonly seams: readonly unknown[] }

/** True for good, false for bad, null where the call does not count. */
export function judge(objective: Objective, fact: Judged): boolean | null {
  const { routes, models, callers, sli } = objective
  if (notCalls.has(fact.route)) return null
  if (routes && !routes.includes(fact.route)) return null
  if (models && !models.includes(fact.model)) return null
  if (callers && !callers.includes(fact.caller)) return null
  if ((fact.route === readings) !== (sli === 'resume')) return null
  return judges[sli](fact, thresholdMs(objective))
}

/** The same of a visit of what is served beside the models. */
export function judgeVisit({ sli, routes }: Objective, visit: Visit): boolean | null {
  if (sli !== 'site' || (routes && !routes.includes(visit.route))) return null
  const lost = isLost(visit)
  return lost === null ? null : !lost
}

type Judge = (fact: Judged, limitMs: number) => boolean | null

const judges: Readonly<Record<SliName, Judge>> = {
  availability: (fact) => whole(fact),
  // Calls that got no token at all have failed, and are counted there.
  firstToken: ({ isStream, firstTokenMs }, limitMs) =>
    isStream && firstTokenMs !== null ? firstTokenMs <= limitMs : null,
  interToken: (fact, limitMs) => {
    const gapMs = tokenGapMs(fact)
    return gapMs === null ? null : gapMs <= limitMs
  },
  // It had begun, and broke: so often that it went on, or for good.
  continuation: (fact) => {
    const hasBroken = fact.seams.length > 0 || (fact.outcome === 'failed' && fact.firstTokenMs !== null)
    return hasBroken ? whole(fact) : null
  },
  // An answer that ended with a fault of an upstream is told so, and rightly.
  resume: ({ outcome, code }) => {
    if (outcome === 'cancelled') return null
    if (outcome === 'complete') return true
    return code !== null && ['gateway', 'operator'].includes(faultKind(code).source) ? false : null
  },
  site: () => null,
}

function whole({ outcome, code }: Judged): boolean | null {
  if (outcome === 'complete') return true
  if (outcome === 'cancelled') return null
  // Maintenance was announced; nobody is to be woken by it.
  return code !== null && (faultKind(code).source === 'client' || code === 'HF_MAINTENANCE') ? null : false
}

/** Mean time between the tokens of a stream; null for one that is too short to have any. */
export function tokenGapMs({ isStream, outcome, firstTokenMs, durationMs, outputTokens }: Judged): number | null {
  if (!isStream || outcome !== 'complete' || firstTokenMs === null || outputTokens === null || outputTokens < 2)
    return null
  return Math.max(0, durationMs - firstTokenMs) / (outputTokens - 1)
}
