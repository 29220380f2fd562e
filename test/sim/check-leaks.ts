/** When all is quiet, everything must be as it was: nothing in flight, nothing counted, no timer left. */
import type { Gateway } from '../world/gateway.ts'
import type { ModelServer } from '../world/model-server.ts'
import type { Checks } from './checks.ts'

export interface LeakWorld {
  readonly checks: Checks
  readonly gateways: readonly Gateway[]
  readonly servers: readonly ModelServer[]
}

/** Fewest timers seen of each process: some come and go with the looking for orphans. */
export type Timers = ReadonlyMap<string, number>

/**
 * @param usualTimers timers of a gateway that has nothing to do.
 * @param timers those of each gateway now, by name of its process.
 */
export function checkLeaks({ checks, gateways, servers }: LeakWorld, usualTimers: number, timers: Timers): void {
  for (const { life } of gateways) {
    if (!life) continue
    const { process, admission, fleet, wires, journal, detached } = life
    const left = {
      calls: admission.liveCount,
      'calls upstream': fleet.upstreams.reduce((sum, { load }) => sum + load.calls, 0),
      'work upstream': fleet.upstreams.reduce(
        (sum, { load }) => sum + Math.round(load.prefillTokens + load.decodeTokens),
        0,
      ),
      connections: [...wires.values()].reduce((sum, { openCount }) => sum + openCount, 0),
      leases: journal.liveCount,
      'answers without a reader': detached.count,
      timers: Math.max(0, (timers.get(process.name) ?? 0) - usualTimers),
    }
    for (const [what, count] of Object.entries(left))
      if (count !== 0) checks.report('leak', `${process.name}: ${count} ${what}`)
  }
  for (const { name, live } of servers)
    if (live.size > 0) checks.report('leak', `${name} still gives ${live.size} answers`)
}
