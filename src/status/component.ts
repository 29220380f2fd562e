/** What the public knows of the service by name: a component is a set of calls. */
import type { Tally } from './harm-meter.ts'

export interface Component {
  /** Stable, of a-z, 0-9 and `-`: it is in addresses, and in what subscribers chose. */
  readonly id: string
  readonly name: string
  readonly description: string
  /** Which calls are its own; an empty list takes any. */
  readonly models: readonly string[]
  readonly routes: readonly string[]
  readonly tiers: readonly string[]
  /** Paths of `web.routes`: it is of their visits, and of no calls. */
  readonly site?: readonly string[]
}

export const isOfSite = ({ site = [] }: Pick<Component, 'site'>): boolean => site.length > 0

export interface CallKind {
  readonly model: string
  readonly route: string
  readonly tier: string
}

export function covers(
  component: Pick<Component, 'models' | 'routes' | 'tiers' | 'site'>,
  { model, route, tier }: CallKind,
): boolean {
  const { models, routes, tiers } = component
  return !isOfSite(component) && takes(models, model) && takes(routes, route) && takes(tiers, tier)
}

const takes = (list: readonly string[], name: string): boolean => list.length === 0 || list.includes(name)

export const noCalls: Tally = { total: 0, failed: 0, slow: 0 }

export function addUp(a: Tally, b: Tally): Tally {
  return { total: a.total + b.total, failed: a.failed + b.failed, slow: a.slow + b.slow }
}
