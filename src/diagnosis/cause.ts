/** The shape of a row in the table of causes: why calls fail, one small rule a cause. */
import type { Source } from '../fault/fault-kind.ts'
import type { Scene } from './scene.ts'
import type { Sign } from './sign.ts'

export const causeClasses = {
  overload: 'overload',
  network: 'network',
  maintenance: 'maintenance',
  'third-party': 'third party',
  application: 'application',
  client: 'client',
  gateway: 'gateway',
} as const

export type CauseClass = keyof typeof causeClasses

/**
 * How much a finding speaks for a cause: it multiplies its odds. As in naive Bayes, findings are taken as independent;
 * these are round numbers and no measured likelihoods.
 */
export const weight = {
  /** Leaves hardly any doubt. */
  proof: 400,
  strong: 30,
  fair: 8,
  hint: 3,
  /** As likely as not. */
  none: 1,
  /** Speaks against it. */
  doubt: 1 / 4,
  against: 1 / 30,
} as const

/** A finding: what it says in words, as evidence, when it is there; null when it is not. */
export interface Clue {
  readonly weight: number
  readonly find: (scene: Scene) => string | null
}

export interface Cause {
  readonly class: CauseClass
  readonly whose: Source
  /** A few words. */
  readonly title: string
  /** One sentence about this case, without a full stop. */
  readonly sentence: (scene: Scene) => string
  readonly cure: string
  /** Signs that it explains, with the odds that it has from each alone. A cause that explains none is out. */
  readonly explains: Partial<Record<Sign, number>>
  readonly clues: readonly Clue[]
}

/** A clue in one line. */
export function clue(speaks: number, find: (scene: Scene) => string | null | false): Clue {
  return { weight: speaks, find: (scene) => find(scene) || null }
}
