/**
 * Decides what is wished of the fleet at each look: how many replicas (scaling), of which releases (rollouts), and
 * which of them are sick (healing). The loop makes it so.
 */
import type { FleetReport } from './fleet-report.ts'
import { Healing } from './healing.ts'
import type { Plan } from './plan.ts'
import type { PilotParts } from './pilot-parts.ts'
import type { Mark } from './reconcile.ts'
import { Rollouts } from './rollouts.ts'
import { Scaling } from './scaling.ts'
import type { Sight } from './sight.ts'

export interface Wishes {
  readonly plan: Plan
  readonly marks: ReadonlyMap<string, Mark>
  /** Names that may not be started before then, milliseconds since 1970; beside those that rest from their deaths. */
  readonly restUntilMs: ReadonlyMap<string, number>
}

export class Pilot {
  readonly scaling = new Scaling()
  readonly rollouts: Rollouts
  readonly healing = new Healing()

  constructor(parts: PilotParts) {
    this.rollouts = new Rollouts(parts)
  }

  /** What the workers measured since they told last. */
  hear(report: FleetReport): void {
    this.rollouts.hear(report)
  }

  decide(sight: Sight): Wishes {
    const totals = this.scaling.look(sight, (deployment) => this.rollouts.isBusy(deployment))
    const plan = this.rollouts.look(sight, totals)
    const { marks, restUntilMs, rollbacks } = this.healing.look(sight, totals)
    for (const deployment of rollbacks) this.rollouts.rollBack(deployment, 'healing', sight.nowMs)
    return { plan, marks, restUntilMs }
  }
}
