/** What healing keeps over restarts: deaths in a row, who flaps, and which remedies did not help. Times since 1970. */
import type { Deaths } from './deaths.ts'
import type { Damped } from './damper.ts'
import type { Failures } from './heal-memory.ts'

export interface KeptHealing {
  readonly deaths: readonly (readonly [string, Deaths])[]
  readonly damped: readonly (readonly [string, Damped])[]
  readonly failures: readonly (readonly [string, Failures])[]
}

/** Longer than this nothing is kept up, whatever the clock says. */
const restMsMax = 15 * 60_000
const failuresMsMax = 6 * 3_600_000
const nothing: KeptHealing = { deaths: [], damped: [], failures: [] }

/** What makes no sense is as if it were not there. */
export function readKept(kept: unknown, nowMs: number): KeptHealing {
  if (typeof kept !== 'object' || kept === null) return nothing
  const { deaths, damped, failures } = kept as Partial<Record<keyof KeptHealing, unknown>>
  return {
    deaths: pairs<Deaths>(deaths, ['inRow', 'atMs', 'startedMs', 'restUntilMs']).map(([name, each]) => [
      name,
      { ...each, atMs: Math.min(each.atMs, nowMs), restUntilMs: Math.min(each.restUntilMs, nowMs + restMsMax) },
    ]),
    damped: pairs<Damped>(damped, ['value', 'atMs']).map(([name, each]) => [
      name,
      { ...each, atMs: Math.min(each.atMs, nowMs) },
    ]),
    failures: pairs<Failures>(failures, ['inRow', 'untilMs']).map(([key, each]) => [
      key,
      { ...each, untilMs: Math.min(each.untilMs, nowMs + failuresMsMax) },
    ]),
  }
}

/** Those of which the named fields are numbers. */
function pairs<T extends object>(value: unknown, numbers: readonly (keyof T & string)[]): [string, T][] {
  if (!Array.isArray(value)) return []
  return value.filter((pair): pair is [string, T] => {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'object' || !pair[1]) return false
    return numbers.every((name) => Number.isFinite((pair[1] as Record<string, unknown>)[name]))
  })
}
