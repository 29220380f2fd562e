/** The fleet as the configuration has it: upstreams with their keys, pools, models. */
import type { Config } from '../config.ts'
import { holdsOf } from '../control/joined-pools.ts'
import { readKeys } from './secrets.ts'
import { Fleet } from '../fleet/fleet.ts'
import type { Pool } from '../fleet/pool.ts'
import { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'

/** @throws {ConfigError} when a key cannot be read. */
export function openFleet(config: Config, clock: Clock, log: Log, recorder: Recorder): Fleet {
  const upstreams = Object.entries(config.upstreams).map(([name, options]) => {
    return new Upstream(name, options, readKeys(name, options), clock)
  })
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  const holds = holdsOf(config.deployments, config.control)
  const pools = new Map<string, Pool>()
  for (const [name, options] of Object.entries(config.pools)) {
    const members = options.upstreams.flatMap((member) => {
      const { name: upstreamName, weight, priority, model } = typeof member === 'string' ? { name: member } : member
      const upstream = byName.get(upstreamName)
      if (!upstream) return []
      const { options: own } = upstream
      return [{ upstream, model: model ?? null, weight: weight ?? own.weight, priority: priority ?? own.priority }]
    })
    const overrides = Object.entries(options.timeouts ?? {}).filter(([, ms]) => ms !== undefined)
    pools.set(name, {
      name,
      members,
      timeouts: { ...config.timeouts, ...Object.fromEntries(overrides) },
      attemptsMax: options.attemptsMax,
      balance: options.balance,
      ...holds.get(name),
    })
  }
  const fleet = new Fleet(upstreams, pools, new Map(Object.entries(config.models)))
  tellOfKeys(fleet, log, recorder)
  return fleet
}

/** A key that is laid aside is told by its place in the configuration, never by itself. */
function tellOfKeys(fleet: Fleet, log: Log, recorder: Recorder): void {
  for (const { name, keys } of fleet.upstreams) {
    keys.onRest = ({ position, count, code, restMs }) => {
      recorder.note({ kind: 'key', upstream: name, code, position, count, restMs })
      const facts = { upstream: name, key: `${position} of ${count}`, code, restMs }
      if (code === 'HF_UPSTREAM_RATE_LIMITED') log.info(facts, 'a key is over its rate and rests')
      else log.error(facts, 'a key is not taken any more and rests: renew it, or pay')
    }
  }
}
