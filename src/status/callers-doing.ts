/**
 * Components of which only such calls fail as were given less time by their callers than anybody could have answered
 * in: as far as diagnoses say so, and none says anything else. Whoever asks for an answer within a millisecond must not
 * make an outage of it. Calls that are refused since the line is long are none of these: that is harm.
 */
import type { CallFact } from '../observe/fact.ts'

/** Diagnoses that count, and the fewest that say anything. */
const recentMs = 60_000
const sayMin = 2
/** Of one component; the last ones are kept. */
const keptMax = 20

interface Said {
  readonly atMs: number
  readonly isCallers: boolean
}

export class CallersDoing {
  #said = new Map<string, readonly Said[]>()

  /** `whose`: of the diagnosis of a call that failed. */
  note(component: string, { code }: Pick<CallFact, 'code'>, whose: string | null, atMs: number): void {
    const isCallers = code === 'HF_DEADLINE' && whose === 'client'
    this.#said.set(component, [...(this.#said.get(component) ?? []), { atMs, isCallers }].slice(-keptMax))
  }

  /** Of these nothing is to be told that has not been told. */
  components(nowMs: number): ReadonlySet<string> {
    for (const [component, all] of this.#said) {
      const recent = all.filter(({ atMs }) => atMs > nowMs - recentMs && atMs <= nowMs)
      if (recent.length === 0) this.#said.delete(component)
      else this.#said.set(component, recent)
    }
    const theirs = [...this.#said].filter(([, all]) => all.length >= sayMin && all.every(({ isCallers }) => isCallers))
    return new Set(theirs.map(([component]) => component))
  }
}
