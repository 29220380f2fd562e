// The journal of the simulated world passes the suite of all journals: what the simulation shows holds for real ones.
import type { Clock } from '../../src/ground/clock.ts'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import { WorldDisk } from '../world/world-disk.ts'
import { WorldJournal } from '../world/world-journal.ts'
import { journalSuite } from './journal-suite.ts'

interface Place {
  readonly disk: WorldDisk
  readonly clocks: Clock[]
}

const places = new Map<string, Place>()

/** The time of a place is that of the node for which the most has passed: the others are silent. */
function diskAt(name: string, clock: Clock, options: JournalOptions): WorldDisk {
  const clocks: Clock[] = places.get(name)?.clocks ?? []
  clocks.push(clock)
  const monotonicMs = (): number => Math.max(...clocks.map((each) => each.monotonicMs()))
  const place = places.get(name) ?? { disk: new WorldDisk({ monotonicMs }, options), clocks }
  places.set(name, place)
  return place.disk
}

for (const [name, keepMs] of [
  ['simulated', () => 3],
  ['simulated, without delay,', null],
] as const)
  journalSuite(
    name,
    (clock, options, place, node) =>
      new WorldJournal(node, diskAt(`${name} ${place}`, clock, options), clock, options, {
        clock,
        keepMs,
        tellMs: () => 0,
        readMs: () => 0,
        lookMs: 200,
      }),
    { isShared: true },
  )
