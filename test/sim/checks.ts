/** What must never be seen in the simulated world, by name, and what was seen of it. */

export const checkNames = {
  unkept: 'an event went out that the journal had not kept, or with other bytes',
  sequence: 'a reader got an event twice, out of order, or missed one',
  text: 'a text is not the one that had to come, or a whole answer has not exactly one finish and one end mark',
  ending: 'an answer that is not whole ended as if it were, or ended without a word',
  lost: 'an answer that a reader has events of is not known any more',
  journal: 'somebody wrote without holding the lease, or behind the end, or out of turn',
  late: 'an event was kept, and its reader got it long after',
  calls: 'one answer was asked of two model servers at once, or too often',
  cancel: 'a cancelled answer went on',
  cause: 'an answer failed for a reason that this world did not give',
  liveness: 'an answer did not end although everything works again',
  leak: 'something was left over when all was quiet',
  reply: 'the relay broke the contract of a caller’s connection',
  crash: 'production code threw, or made a mistake of its own',
} as const

export type CheckName = keyof typeof checkNames

export interface Violation<Name extends string = CheckName> {
  readonly check: Name
  readonly atMs: number
  readonly words: string
}

/** The same mistake is not told a thousand times. */
const sameMax = 3

/** What was seen, by the names of a world's checks. */
export class Checks<Name extends string = CheckName> {
  readonly violations: Violation<Name>[] = []
  #nowMs: () => number
  #note: (words: string) => void

  constructor(nowMs: () => number, note: (words: string) => void) {
    this.#nowMs = nowMs
    this.#note = note
  }

  report(check: Name, words: string): void {
    if (this.violations.filter((each) => each.check === check).length >= sameMax) return
    this.violations.push({ check, atMs: this.#nowMs(), words })
    this.#note(`VIOLATION ${check}: ${words}`)
  }
}
