/** What is different about a simulated release: nothing that matters, or one of the defects that releases have. */
import type { Random } from '../../src/ground/random.ts'

export interface Behaviour {
  /** Times as long as the present release's. */
  ttftFactor: number
  tokenTimeFactor: number
  answerFactor: number
  /** Of calls: four times as slow. */
  slowShare: number
  failedShare: number
  /** Of answers: cut at the limit of tokens, early; end by themselves, early; go on until the limit. */
  truncatedShare: number
  shortShare: number
  runOnShare: number
  emptyShare: number
  refusedShare: number
  /** Of tool calls. */
  toolBrokenShare: number
  toolMissingShare: number
  /** Marks of a chat template in the text, of answers. Only the gate reads texts. */
  markedShare: number
  /** Replicas die so often a minute, once the release gets this share of calls. */
  deathsPerMinute: number
  deathsFromShare: number
  /** Until the memory is full under the load of all calls; Infinity for no leak. */
  hoursToFull: number
}

export const sameBehaviour: Behaviour = {
  ...{ ttftFactor: 1, tokenTimeFactor: 1, answerFactor: 1, slowShare: 0, failedShare: 0, truncatedShare: 0 },
  ...{ shortShare: 0, runOnShare: 0, emptyShare: 0, refusedShare: 0, toolBrokenShare: 0, toolMissingShare: 0 },
  ...{ markedShare: 0, deathsPerMinute: 0, deathsFromShare: 0, hoursToFull: Infinity },
}

/** Uniform between two bounds. */
type Draw = (low: number, high: number) => number

const good: Readonly<Record<string, (draw: Draw) => Partial<Behaviour>>> = {
  'no difference': () => ({}),
  'a little slower or faster': (draw) => ({ ttftFactor: draw(0.8, 1.1), tokenTimeFactor: draw(0.8, 1.07) }),
  'answers a little different': (draw) => ({ answerFactor: draw(0.9, 1.12), refusedShare: draw(0, 0.003) }),
}

const bad: Readonly<Record<string, (draw: Draw) => Partial<Behaviour>>> = {
  'slow tokens': (draw) => ({ tokenTimeFactor: draw(1.35, 2.2) }),
  'slow first token': (draw) => ({ ttftFactor: draw(1.9, 4) }),
  'slow now and then': (draw) => ({ slowShare: draw(0.12, 0.3) }),
  failing: (draw) => ({ failedShare: draw(0.03, 0.25) }),
  truncating: (draw) => ({ truncatedShare: draw(0.12, 0.5) }),
  'ending early': (draw) => ({ shortShare: draw(0.3, 0.8) }),
  'wrong template': (draw) => ({
    ...{ runOnShare: draw(0.1, 0.7), markedShare: draw(0.3, 1), toolMissingShare: draw(0.2, 0.9) },
  }),
  'empty answers': (draw) => ({ emptyShare: draw(0.04, 0.3) }),
  refusing: (draw) => ({ refusedShare: draw(0.06, 0.4) }),
  'crashing at 5 %': (draw) => ({ deathsPerMinute: draw(0.15, 1), deathsFromShare: 0.05 }),
  leaking: (draw) => ({ hoursToFull: draw(0.3, 6) }),
}

export interface Case {
  readonly kind: string
  readonly isGood: boolean
  readonly behaviour: Behaviour
}

export const goodKinds: readonly string[] = Object.keys(good)
export const badKinds: readonly string[] = Object.keys(bad)

export function drawCase(kind: string, random: Random): Case {
  const draw: Draw = (low, high) => low + (high - low) * random.unit()
  const make = good[kind] ?? bad[kind]
  return { kind, isGood: kind in good, behaviour: { ...sameBehaviour, ...make?.(draw) } }
}
