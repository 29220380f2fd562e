/** What one look at the calls puts into the ledger: of each component, of all together, and of callers by name. */
import type { LedgerWriter } from '../store/ledger.ts'
import { wholeHouse } from '../store/ledger.ts'
import type { Tally } from './harm-meter.ts'
import type { Level } from './incident.ts'

export interface Look {
  readonly nowMs: number
  /** All that there are, also those that were not called. */
  readonly components: readonly { readonly id: string }[]
  /** By the id of the component; one that is missing had no calls. */
  readonly tallies: ReadonlyMap<string, Tally>
  readonly all: Tally
  /** By the name of the key: those to which something is promised. */
  readonly callers: ReadonlyMap<string, Tally>
  readonly levelOf: (component: string) => Level
  /** Ids of components that are under maintenance. */
  readonly maintained: ReadonlySet<string>
}

/** Where all components are under maintenance, so is the house, and whoever calls it. */
export function noteMinute(ledger: Pick<LedgerWriter, 'note'>, look: Look): void {
  const { nowMs, components, tallies, all, callers, levelOf, maintained } = look
  const isAllMaintained = components.length > 0 && components.every(({ id }) => maintained.has(id))
  const common = isAllMaintained ? 'under_maintenance' : null
  ledger.note(nowMs, wholeHouse, null, { ...countsOf(all), level: common })
  for (const { id } of components) {
    const level = maintained.has(id) ? 'under_maintenance' : levelOf(id)
    const tally = tallies.get(id)
    // A minute without a row is one without calls and without harm.
    if (tally || level !== 'operational')
      ledger.note(nowMs, id, null, { ...countsOf(tally ?? { total: 0, failed: 0, slow: 0 }), level })
  }
  for (const [name, tally] of callers) ledger.note(nowMs, wholeHouse, name, { ...countsOf(tally), level: common })
}

function countsOf({ total, failed, slow }: Tally): { calls: number; failed: number; slow: number } {
  return { calls: total, failed, slow }
}
