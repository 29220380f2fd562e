/**
 * Decides what is wished of the fleet at each look: how many replicas (scaling), of which releases (rollouts), and
 * which of them are sick (healing). The loop makes it so.
 */
import type { FleetReport } from './fleet-report.ts'
import type { Deaths } from './heal/deaths.ts'
import { Healing, type Times } from './healing.ts'
import type { PilotParts } from './pilot-parts.ts'
import type { Plan } from './plan.ts'
import type { Mark } from './reconcile.ts'
import { Rollouts } from './rollouts.ts'
import { Scaling } from './scaling.ts'
import type { Sight } from './sight.ts'

export interface Wishes {
  readonly plan: Plan
  readonly marks: ReadonlyMap<string, Mark>
}

export class Pilot {
  readonly scaling: Scaling
  readonly rollouts: Rollouts
  readonly healing: Healing

  constructor(parts: PilotParts) {
    this.scaling = new Scaling(parts)
    this.rollouts = new Rollouts(parts)
    this.healing = new Healing(parts)
  }

  /** Who died before this process began, with the times of its own clock. */
  recall(times: Times): ReadonlyMap<string, Deaths> {
    return this.healing.recall(times)
  }

  /** What the workers measured since they told last. */
  hear(report: FleetReport): void {
    this.scaling.hear(report)
    this.rollouts.hear(report)
  }

  decide(sight: Sight): Wishes {
    const totals = this.scaling.look(sight, (deployment) => this.rollouts.isBusy(deployment))
    const plan = this.rollouts.look(sight, totals)
    const { marks, rollbacks } = this.healing.look(sight, (deployment) => this.rollouts.isBusy(deployment))
    for (const deployment of rollbacks) this.rollouts.rollBack(deployment, 'healing', sight.nowMs)
    return { plan, marks }
  }
}
