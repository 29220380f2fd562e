/** Which replicas are sick, and what is done about them. */
import type { Mark } from './reconcile.ts'
import type { Totals } from './scaling.ts'
import type { Sight } from './sight.ts'

export interface Healed {
  readonly marks: ReadonlyMap<string, Mark>
  /** Milliseconds since 1970, by name. */
  readonly restUntilMs: ReadonlyMap<string, number>
  /** Deployments that are to go back to the release before. */
  readonly rollbacks: ReadonlySet<string>
}

export class Healing {
  look(_sight: Sight, _totals: Totals): Healed {
    return { marks: new Map(), restUntilMs: new Map(), rollbacks: new Set() }
  }
}
