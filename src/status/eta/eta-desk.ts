/** How long the incidents that go on will last, by what is known of others' and learnt of one's own. */
import type { Incident } from '../incident.ts'
import type { EtaView } from '../status-view.ts'
import { type EtaEstimate, EtaLearner } from './eta-learner.ts'
import { etaRetryAfterSeconds } from './eta-retry-after.ts'
import { etaWords, isWorthSaying } from './eta-words.ts'
import { endedStoryOf, storyOf } from './incident-story.ts'
import { shippedPrior } from './shipped-prior.ts'

const minuteMs = 60_000
/** Of a long history only the last are remembered, and those before these have told how far estimates hold. */
const learntMax = 200
/** One that is over for less may come back, and has not ended then. */
const settledMs = 5 * minuteMs

export class EtaDesk {
  #learner = new EtaLearner(shippedPrior)
  #learnt = new Set<string>()

  /** Learns from what is over for good. `incidents`: all that are remembered. */
  learn(incidents: readonly Incident[], nowMs: number): void {
    const known = new Set(incidents.map(({ id }) => id))
    for (const id of this.#learnt) if (!known.has(id)) this.#learnt.delete(id)
    const over = incidents
      .filter(({ id, resolvedMs }) => resolvedMs !== null && resolvedMs <= nowMs - settledMs && !this.#learnt.has(id))
      .toSorted((a, b) => (a.resolvedMs ?? 0) - (b.resolvedMs ?? 0))
    for (const { id } of over) this.#learnt.add(id)
    for (const incident of over.slice(-learntMax)) {
      const story = incident.mergedInto === null ? endedStoryOf(incident, isOneOfSeveral(incident, incidents)) : null
      if (story) this.#learner.add(story)
    }
  }

  /** When it is probably over, where that is a matter of minutes; milliseconds since 1970. Null where it is not. */
  nearEndMs(incident: Incident, incidents: readonly Incident[], nowMs: number): number | null {
    const seconds = etaRetryAfterSeconds(this.#estimate(incident, incidents, nowMs))
    return seconds === null ? null : nowMs + seconds * 1000
  }

  #estimate(incident: Incident, incidents: readonly Incident[], nowMs: number): EtaEstimate {
    const story = storyOf(incident, isOneOfSeveral(incident, incidents))
    return this.#learner.estimate(story, Math.max(0, nowMs - incident.beganMs) / minuteMs)
  }

  /** Null where nothing is worth being said. */
  estimate(incident: Incident, incidents: readonly Incident[], nowMs: number): EtaView | null {
    const estimate = this.#estimate(incident, incidents, nowMs)
    if (!isWorthSaying(estimate)) return null
    const { lowMin, medianMin, highMin } = estimate
    return {
      atMs: nowMs,
      lowMs: lowMin * minuteMs,
      medianMs: medianMin * minuteMs,
      highMs: highMin * minuteMs,
      words: etaWords(estimate),
    }
  }
}

/** Another one was open when it began. */
function isOneOfSeveral({ id, beganMs }: Incident, incidents: readonly Incident[]): boolean {
  return incidents.some(
    (other) =>
      other.id !== id &&
      other.mergedInto === null &&
      other.beganMs <= beganMs &&
      (other.resolvedMs ?? Number.POSITIVE_INFINITY) > beganMs,
  )
}
