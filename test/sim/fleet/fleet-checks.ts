/** What must never be seen of a fleet, by name, and what was seen of it. */

export const checkNames = {
  below: 'one that serves was taken away below what the present load needs',
  order: 'one that serves was taken away before as many others serve as are wished',
  double: 'a name ran twice at once',
  unready: 'one gets calls that was never ready, or is known to be dead',
  rate: 'more was begun within a minute than is allowed',
  'dry-run': 'something was done in a dry run',
  facts: 'something was done and not told, or told and not done',
  settle: 'the fleet did not come to what is wished although all works again',
  leak: 'something runs that nobody wishes',
  restless: 'replicas came and went without a reason',
  memory: 'what is remembered grows without end',
  crash: 'production code threw',
} as const

export type CheckName = keyof typeof checkNames

export interface Violation {
  readonly check: CheckName
  readonly atMs: number
  readonly words: string
}

/** The same mistake is not told a thousand times. */
const sameMax = 3

export class FleetChecks {
  readonly violations: Violation[] = []
  #nowMs: () => number
  #note: (words: string) => void

  constructor(nowMs: () => number, note: (words: string) => void) {
    this.#nowMs = nowMs
    this.#note = note
  }

  report(check: CheckName, words: string): void {
    if (this.violations.filter((each) => each.check === check).length >= sameMax) return
    this.violations.push({ check, atMs: this.#nowMs(), words })
    this.#note(`VIOLATION ${check}: ${words}`)
  }
}
