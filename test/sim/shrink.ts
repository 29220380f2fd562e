/** Makes a failing scenario smaller: leaves out one thing after the other for as long as the same check fails. */
import type { StoryPlan } from '../world/story.ts'
import type { Violation } from './checks.ts'
import type { Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'

/** Worlds that are tried. */
const triesMax = 300

export async function shrink(scenario: Scenario, violation: Violation): Promise<Scenario> {
  let smallest = scenario
  let tries = 0
  const stillFails = async (candidate: Scenario): Promise<boolean> =>
    ++tries <= triesMax && (await simulate(candidate)).violations.some((each) => isLike(each, violation))
  for (let isSmaller = true; isSmaller && tries < triesMax; ) {
    isSmaller = false
    for (const candidate of smaller(smallest)) {
      if (!(await stillFails(candidate))) continue
      smallest = candidate
      isSmaller = true
      break
    }
  }
  return smallest
}

/** The same check, and the same code where one is told of. */
function isLike(a: Violation, b: Violation): boolean {
  const code = /HF_[A-Z_]+/
  return a.check === b.check && code.exec(a.words)?.[0] === code.exec(b.words)?.[0]
}

/** Everything that is one thing less. */
function* smaller(scenario: Scenario): Generator<Scenario> {
  const { faults, stories } = scenario
  for (const [i] of stories.entries()) if (stories.length > 1) yield { ...scenario, stories: stories.toSpliced(i, 1) }
  for (const [i] of faults.entries()) yield { ...scenario, faults: faults.toSpliced(i, 1) }
  for (const [i, story] of stories.entries())
    for (const plain of plainer(story)) yield { ...scenario, stories: stories.with(i, plain) }
  if (scenario.gateways > 1) yield { ...scenario, gateways: scenario.gateways - 1 }
}

function* plainer(story: StoryPlan): Generator<StoryPlan> {
  const { readers } = story
  if (readers.length > 1) yield { ...story, readers: readers.slice(0, -1) }
  if (story.cancelsAfterMs !== null) yield { ...story, cancelsAfterMs: null }
  if (story.tokensMax !== null) yield { ...story, tokensMax: null }
  if (story.idempotencyKey !== null) yield { ...story, idempotencyKey: null }
  for (const [i, reader] of readers.entries()) {
    const others = (one: Partial<typeof reader>): StoryPlan => ({
      ...story,
      readers: readers.with(i, { ...reader, ...one }),
    })
    if (reader.drops.length > 0) yield others({ drops: reader.drops.slice(0, -1) })
    if (reader.rest) yield others({ rest: null })
    if (reader.leavesAt !== null) yield others({ leavesAt: null })
    if (reader.repostsAt !== null) yield others({ repostsAt: null })
  }
}
