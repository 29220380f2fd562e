/** A node with a journal on a clock of its own, and notes of all that the journal said: what the journal suites use. */
import assert from 'node:assert/strict'
import { Fault } from '../../src/fault/fault.ts'
import { type Ray, RaySource } from '../../src/fault/ray.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import type { Adopted, AnswerInfo, EntryListener, Journal, JournalEntry, Outcome } from '../../src/store/journal.ts'
import { type JournalOptions, journalSchema } from '../../src/store/journal-options.ts'

/**
 * Opens the journal of the node `node`, empty unless another is or was open at the same `place`. An engine that is not
 * shared by nodes gives an empty one each time.
 */
export type OpenJournal = (clock: ManualClock, options: JournalOptions, place: string, node: string) => Journal

/** Longer than any engine may hold events back. */
const momentMs = 50
/** Long enough for every engine to have looked for what is past its time. */
export const sweepMs = 60_000
/** Longer than the lease of the benches. */
export const silenceMs = 4000
/** Within this time every node has shown signs of life, and has heard of what others asked. */
export const beatMs = 1000

/** One that no bench gives out. */
export const otherRay = '06c8m0dfk2h3vd4zq7k1hb-ams' as Ray

/** One answer with a record of what the journal said to its writer. */
export interface Noted {
  readonly info: AnswerInfo
  readonly entry: JournalEntry
  readonly kept: number[]
  readonly lost: Fault[]
  readonly cancels: true[]
}

/** Notes what a writer is told. */
export function notes(): Pick<Noted, 'kept' | 'lost' | 'cancels'> & { listener: EntryListener } {
  const kept: number[] = []
  const lost: Fault[] = []
  const cancels: true[] = []
  const listener = {
    onKept: (count: number) => void kept.push(count),
    onLost: (fault: Fault) => void lost.push(fault),
    onCancel: () => void cancels.push(true),
  }
  return { kept, lost, cancels, listener }
}

let placeCount = 0
export const newPlace = (): string => `place-${placeCount++}`

/** A journal on a clock of its own, with a shorthand for beginning answers. */
export class Bench implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly node: string
  readonly journal: Journal
  #rays: RaySource

  constructor(open: OpenJournal, settings: Partial<JournalOptions> = {}, place = newPlace(), node = 'one') {
    this.node = node
    this.journal = open(this.clock, { ...journalSchema.parse({}), ...settings }, place, node)
    this.#rays = new RaySource(this.clock, seededRandom(5), { node: node.charCodeAt(0), site: 'test' })
  }

  begin(
    more: Partial<AnswerInfo> = {},
    request: Buffer | null = null,
    soleName: string | null = null,
    sinceMs = 0,
  ): Noted {
    const info: AnswerInfo = {
      ray: this.#rays.next(),
      route: 'chat',
      model: 'tiny',
      caller: 'ann',
      beganMs: this.clock.nowMs(),
      isStream: true,
      isStored: false,
      callKey: null,
      ...more,
    }
    const { listener, ...noted } = notes()
    return { info, entry: this.journal.begin(info, request, listener, soleName, sinceMs), ...noted }
  }

  /** A whole answer, kept and ended. */
  write(events: readonly string[], outcome: Outcome = 'complete', more: Partial<AnswerInfo> = {}): Noted {
    const noted = this.begin(more)
    for (const event of events) noted.entry.append(Buffer.from(event))
    noted.entry.seal(outcome)
    this.moment()
    return noted
  }

  /** Takes the lease, which must be there to be taken. */
  async adopt(ray: Ray): Promise<Noted & { adopted: Adopted }> {
    const { listener, ...noted } = notes()
    const adopted = await this.journal.adopt(ray, listener)
    assert.ok(adopted, 'it is an orphan')
    return { info: adopted.info, entry: adopted.entry, adopted, ...noted }
  }

  /** Lets the time pass in which every engine has kept what it was given. */
  moment(): void {
    this.clock.advance(momentMs)
  }

  /** All events that are kept, by a fresh cursor; null when there is no such answer. */
  async texts({ info }: Pick<Noted, 'info'>): Promise<string[] | null> {
    const cursor = await this.journal.open(info.ray)
    return (await cursor?.read(0, Number.MAX_SAFE_INTEGER))?.map(String) ?? null
  }

  async outcome({ info }: Pick<Noted, 'info'>): Promise<Outcome | null | undefined> {
    return (await this.journal.open(info.ray))?.outcome
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.journal[Symbol.asyncDispose]())
  }
}

/** Lets time pass for all alike, in steps small enough that nobody seems to be silent. */
export function passTime(benches: readonly Bench[], ms: number): void {
  for (let left = ms; left > 0; left -= 100) for (const { clock } of benches) clock.advance(Math.min(left, 100))
}

export function codeOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (thrown) {
    assert.ok(thrown instanceof Fault, String(thrown))
    return thrown.code
  }
}

export const codesOf = ({ lost }: Pick<Noted, 'lost'>): string[] => lost.map(({ code }) => code)
