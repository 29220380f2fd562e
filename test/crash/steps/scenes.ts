/** The scenes of the crash suite: every step of an answer, in every mode in which it has that step. */
import type { DeathOrder, StepName } from './death.ts'
import type { Mode, Scene } from './lane.ts'

/** Upstream calls of an answer: just one; one and another that goes on. */
const one = [1, 1] as const
const two = [2, 2] as const
/** Whether anything of the end is kept hangs on how its bytes came. */
const oneOrTwo = [1, 2] as const

const kill = (step: StepName, nth = 1): DeathOrder => ({ step, nth, signal: 'SIGKILL' })

interface Step {
  readonly step: StepName
  /** At its how many-th time, in a stream and in the background. */
  readonly nth?: number
  readonly calls: readonly [number, number]
  /** The first is played in CI. */
  readonly modes: readonly Mode[]
  readonly more?: Partial<Scene>
}

const every: readonly Mode[] = ['stream', 'stream, key', 'whole', 'whole, key', 'background', 'background, key']
const streams: readonly Mode[] = ['stream', 'stream, key']
const eventful: readonly Mode[] = ['stream', 'background']
const keyed: readonly Mode[] = ['stream', 'whole, key', 'background']
const cut = { cutTokens: 8 } as const
/** So long that it is still under way when the cancel comes, however busy the machine is. */
const cancelled = { cancelAt: 5, tokens: 600 } as const

const steps: readonly Step[] = [
  { step: 'taken', calls: one, modes: every },
  { step: 'begun', calls: one, modes: every },
  { step: 'begin-uncommitted', calls: oneOrTwo, modes: every },
  { step: 'unasked', calls: one, modes: every },
  { step: 'head', calls: two, modes: every },
  { step: 'unappended', nth: 5, calls: two, modes: every },
  { step: 'appended', nth: 5, calls: two, modes: every },
  { step: 'event-uncommitted', nth: 5, calls: two, modes: every },
  { step: 'event-committed', nth: 5, calls: two, modes: eventful },
  { step: 'torn', nth: 5, calls: two, modes: streams },
  { step: 'written', nth: 5, calls: two, modes: streams },
  { step: 'broken', calls: two, modes: eventful, more: cut },
  { step: 'next-leg', calls: two, modes: eventful, more: cut },
  { step: 'leg-event', calls: [3, 3], modes: eventful, more: cut },
  { step: 'unsealed', calls: oneOrTwo, modes: keyed },
  { step: 'sealed', calls: oneOrTwo, modes: keyed },
  { step: 'seal-uncommitted', calls: oneOrTwo, modes: keyed },
  { step: 'seal-committed', calls: one, modes: keyed },
  { step: 'unended', calls: one, modes: ['stream', 'whole, key'] },
  { step: 'beat-uncommitted', nth: 2, calls: two, modes: eventful },
  { step: 'beat-committed', nth: 2, calls: two, modes: eventful },
  { step: 'sweep-uncommitted', calls: oneOrTwo, modes: eventful },
  { step: 'cancel-uncommitted', calls: oneOrTwo, modes: eventful, more: cancelled },
  { step: 'cancel-committed', calls: oneOrTwo, modes: eventful, more: cancelled },
  { step: 'cancel-noticed', calls: oneOrTwo, modes: eventful, more: cancelled },
]

/** Whoever takes an answer over dies of it too. */
const takeovers: readonly Step[] = [
  { step: 'bury-uncommitted', calls: two, modes: eventful },
  { step: 'bury-committed', calls: two, modes: eventful },
  { step: 'lease-uncommitted', calls: two, modes: keyed },
  { step: 'lease-committed', calls: two, modes: keyed },
  { step: 'adopted', calls: two, modes: keyed },
  { step: 'unappended', calls: [3, 3], modes: keyed },
  { step: 'event-committed', calls: [3, 3], modes: eventful },
]

/** The death of one who does not stream comes with his first event, which is his last. */
const nthIn = (mode: Mode, nth = 1): number => (mode.startsWith('whole') ? 1 : nth)

function scenesOf({ step, nth, calls, modes, more }: Step, before: readonly StepName[]): Scene[] {
  return modes.map((mode) => ({
    name: [...before, step].join(', then '),
    mode,
    deaths: [...before.map((each) => kill(each, nthIn(mode, 5))), kill(step, nthIn(mode, nth))],
    calls,
    ...more,
  }))
}

/**
 * Where an answer that is not streamed is whole in the journal and nobody has it: without a key nobody can tell that
 * from an answer that was delivered, so a repetition begins another.
 */
const undelivered: readonly Scene[] = (['event-committed', 'unended'] as const).map((step) => ({
  name: step,
  mode: 'whole',
  deaths: [kill(step)],
  calls: oneOrTwo,
  answersMax: 2,
}))

/** All of them, those first that are played in CI. */
export function allScenes(): { readonly ofCi: readonly Scene[]; readonly others: readonly Scene[] } {
  const all = [...steps.map((step) => scenesOf(step, [])), ...takeovers.map((step) => scenesOf(step, ['unappended']))]
  const isOfCi = ({ mode, name }: Scene, at: number): boolean => at === 0 || ciMore.has(`${name}: ${mode}`)
  return {
    ofCi: all.flatMap((scenes) => scenes.filter(isOfCi)),
    others: [...all.flatMap((scenes) => scenes.filter((scene, at) => !isOfCi(scene, at))), ...undelivered],
  }
}

const ciMore: ReadonlySet<string> = new Set([
  'begin-uncommitted: background',
  'head: whole',
  'event-uncommitted: whole, key',
  'broken: background',
  'seal-committed: whole, key',
  'sealed: background',
  'cancel-noticed: background',
])
