/** Which releases of a deployment run, and with which share of new calls. */
import type { FleetReport } from './fleet-report.ts'
import { type DeploymentPlan, type Plan, releaseOf } from './plan.ts'
import type { Totals } from './scaling.ts'
import type { Sight } from './sight.ts'

export class Rollouts {
  hear(_report: FleetReport): void {}

  /** Whether one goes on, in which nothing else should change the deployment. */
  isBusy(_deployment: string): boolean {
    return false
  }

  rollBack(_deployment: string, _by: string, _nowMs: number): void {}

  look(sight: Sight, totals: Totals): Plan {
    const plans = Object.entries(sight.deployments).map(([name, options]): [string, DeploymentPlan] => [
      name,
      { releases: [{ release: releaseOf(options), replicas: totals.get(name) ?? options.replicas.min, share: 1 }] },
    ])
    return new Map(plans)
  }
}
