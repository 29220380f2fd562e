/**
 * Which alerts planned maintenance keeps still: what was announced wakes nobody. Pure. One that rang before the window
 * goes on, and one whose harm is still there when the window ends comes then.
 */
import type { Condition } from '../alert/condition.ts'
import type { Config } from '../config.ts'

export interface Window {
  readonly title: string
  readonly untilMs: number
}

/** What is under planned maintenance now, by name. Of several windows the one that ends last stands there. */
export interface Announced {
  readonly upstreams: ReadonlyMap<string, Window>
  /** As callers name them; also those that no server offers but those under maintenance. */
  readonly models: ReadonlyMap<string, Window>
  /** Where there is nothing else. */
  readonly all: Window | null
}

export const nothingAnnounced: Announced = { upstreams: new Map(), models: new Map(), all: null }

export interface Muted {
  readonly condition: Condition
  readonly window: Window
}

/** `isRinging`: whether there is an alert on it already, of whatever severity. */
export function muteAnnounced(
  conditions: readonly Condition[],
  announced: Announced,
  config: Pick<Config, 'pools' | 'objectives'>,
  isRinging: (condition: Condition) => boolean,
): { readonly told: readonly Condition[]; readonly muted: readonly Muted[] } {
  if (announced.upstreams.size + announced.models.size === 0 && announced.all === null)
    return { told: conditions, muted: [] }
  const told: Condition[] = []
  const muted: Muted[] = []
  for (const condition of conditions) {
    const window = isRinging(condition) ? null : windowOf(condition, announced, config)
    if (window) muted.push({ condition, window })
    else told.push(condition)
  }
  return { told, muted }
}

/** Harm to what is only partly under maintenance was not announced. */
function windowOf(
  { labels }: Condition,
  { upstreams, models, all }: Announced,
  { pools, objectives }: Pick<Config, 'pools' | 'objectives'>,
): Window | null {
  const { upstream, pool, objective } = labels
  if (upstream !== undefined) return upstreams.get(upstream) ?? null
  if (pool !== undefined) return firstToEnd(membersOf(pool, pools), upstreams)
  if (objective === undefined) return null
  const judged = objectives.find(({ name }) => name === objective)?.models ?? []
  return firstToEnd(judged, models) ?? all
}

function membersOf(pool: string, pools: Config['pools']): string[] {
  const members = Object.hasOwn(pools, pool) ? (pools[pool]?.upstreams ?? []) : []
  return members.map((member) => (typeof member === 'string' ? member : member.name))
}

/** Null where not all of them, or none, are under maintenance. */
function firstToEnd(names: readonly string[], windows: ReadonlyMap<string, Window>): Window | null {
  const each = names.map((name) => windows.get(name))
  const known = each.filter((window) => window !== undefined)
  if (known.length < each.length) return null
  return known.toSorted((a, b) => a.untilMs - b.untilMs)[0] ?? null
}
