/** The pools that replicas join, and how calls wait there for a replica. Workers load it: no schemas here. */
import type { Deployments } from './deployment-options.ts'

/** The pools that deployments join. */
export function poolsOf(deployments: Deployments): string[] {
  return Object.entries(deployments).map(([name, { pool = name }]) => pool)
}

export interface PoolHold {
  /** A call waits so long for a replica where none is there. */
  readonly holdMs: number
  /** It may have no replicas and be well. */
  readonly mayBeEmpty: boolean
}

const holdMsMax = 120_000

/** By pool. Where nothing is started calls need not wait for it. */
export function holdsOf(deployments: Deployments, { dryRun }: { readonly dryRun: boolean }): Map<string, PoolHold> {
  const holds = new Map<string, PoolHold>()
  for (const [name, { pool = name, replicas, ready }] of Object.entries(dryRun ? {} : deployments)) {
    const before = holds.get(pool)
    const { holdMs = Math.min(holdMsMax, ready.withinMs), min } = replicas
    holds.set(pool, {
      holdMs: Math.max(holdMs, before?.holdMs ?? 0),
      mayBeEmpty: holdMs > 0 && min === 0 && (before?.mayBeEmpty ?? true),
    })
  }
  return holds
}
