/**
 * The past once more: incidents begin and end in their order, and each is estimated with nothing but what had ended
 * before it began, and what had been said of it by the minute asked about.
 */
import { EtaLearner } from '../../src/status/eta/eta-learner.ts'
import { ageWeight, fitPrior } from '../../src/status/eta/fit-prior.ts'
import type { EtaPrior } from '../../src/status/eta/prior.ts'
import { baselines, type Guess } from './baselines.ts'
import type { Group, Incident } from './incidents.ts'

export const elapsedMins = [0, 15, 30, 60, 120, 240] as const
/** Incidents of the other kind of service count so much. */
export const otherWeight = 0.7
/** The line is fitted anew after so many more have ended, and not before there are so many. */
const refitEvery = 5
const lessonsMin = 30

export interface Shot {
  readonly method: string
  readonly group: Group
  readonly elapsedMin: number
  readonly incident: Incident
  readonly leftMin: number
  readonly guess: Guess
}

export const holdfast = 'holdfast'

export function replay(incidents: readonly Incident[], isScored: (incident: Incident) => boolean): Shot[] {
  const shots: Shot[] = []
  const ends = incidents.toSorted((a, b) => a.endedMs - b.endedMs)
  const past: Incident[] = []
  const priors = new Map<Group, { prior: EtaPrior; count: number }>()
  const learners = new Map<string, EtaLearner>()
  for (const incident of incidents) {
    while (ends[past.length] && (ends[past.length] as Incident).endedMs < incident.beganMs) {
      const ended = ends[past.length] as Incident
      past.push(ended)
      learners.get(ended.provider)?.add(ended.story)
    }
    const learner = learnerFor(incident, past, priors, learners)
    if (isScored(incident) && learner) shots.push(...shoot(incident, past, learner))
  }
  return shots
}

function learnerFor(
  { group, provider, beganMs }: Incident,
  past: readonly Incident[],
  priors: Map<Group, { prior: EtaPrior; count: number }>,
  learners: Map<string, EtaLearner>,
): EtaLearner | undefined {
  if (past.length < lessonsMin) return undefined
  let fitted = priors.get(group)
  if (!fitted || past.length >= fitted.count + refitEvery) {
    const lessons = past.map((each) => ({
      story: each.story,
      weight: ageWeight(beganMs - each.beganMs) * (each.group === group ? 1 : otherWeight),
    }))
    fitted = { prior: fitPrior(lessons), count: past.length }
    priors.set(group, fitted)
  }
  let learner = learners.get(provider)
  if (!learner) {
    learner = new EtaLearner(fitted.prior)
    learners.set(provider, learner)
    for (const each of past) if (each.provider === provider) learner.add(each.story)
  }
  learner.prior = fitted.prior
  return learner
}

function shoot(incident: Incident, past: readonly Incident[], learner: EtaLearner): Shot[] {
  const { group } = incident
  const same = past.filter((each) => each.group === group)
  return elapsedMins
    .filter((elapsedMin) => incident.minutes > elapsedMin)
    .flatMap((elapsedMin) => {
      const shot = { group, elapsedMin, incident, leftMin: incident.minutes - elapsedMin }
      const guesses = Object.entries(baselines).map(([method, guess]) => ({
        ...shot,
        method,
        guess: guess(same, incident, elapsedMin),
      }))
      return [...guesses, { ...shot, method: holdfast, guess: learner.estimate(incident.story, elapsedMin) }]
    })
}
