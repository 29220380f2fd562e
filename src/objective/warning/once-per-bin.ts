/** From what an early warning finds to conditions; and it is asked no more often than there is something new. */
import type { Condition } from '../../alert/condition.ts'
import type { Finding } from './finding.ts'

/** An answer that holds until the next bin is full. */
export class OncePerBin {
  #askedAt: number | undefined
  #finding: Finding | null = null

  ask(lastBin: number | undefined, find: () => Finding | null): Finding | null {
    if (lastBin !== this.#askedAt) {
      this.#askedAt = lastBin
      this.#finding = lastBin === undefined ? null : find()
    }
    return this.#finding
  }
}

/** The condition of a finding, or none. `subject` begins the sentence. */
export function conditionsOf(
  finding: Finding | null,
  name: string,
  labels: Readonly<Record<string, string>>,
  subject: string,
  cure: string,
): Condition[] {
  if (!finding) return []
  return [{ name, severity: finding.severity, labels, summary: `${subject} ${finding.words}`, cure }]
}
