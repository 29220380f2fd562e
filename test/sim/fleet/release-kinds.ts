/** Releases that operators of a simulated fleet deploy; the name says what is wrong with each. */
import type { Strategy } from '../../../src/control/deploy/rollout-options.ts'
import type { Chance } from '../../world/chance.ts'
import type { BadRelease } from './mishap.ts'

/** `fails`: a third of its calls; `slow`: more than twice as long. */
export type Flaw = BadRelease | 'fails' | 'slow'

const flaws: Readonly<Record<string, Flaw>> = {
  ...{ fails: 'fails', slow: 'slow', unready: 'never-ready', frail: 'dies-early' },
}

const goodOnes = ['fine', 'finer', 'finest'] as const

export const deployedNames: readonly string[] = [...goodOnes, ...Object.keys(flaws)]

export const flawOf = (release: string): Flaw | null => flaws[release] ?? null

export interface Deploy {
  readonly release: string
  readonly strategy: Strategy
}

/** Where all calls go over at once there is nothing to compare with: no flaw that only a comparison shows. */
export function drawDeploy(chance: Chance): Deploy {
  const strategy = chance.pick(['canary', 'canary', 'canary', 'rolling', 'blue-green'] as const)
  const isGood = chance.happens(0.5)
  const flawed = chance.pick(Object.keys(flaws))
  const good = chance.pick(goodOnes)
  if (isGood) return { release: good, strategy }
  return { release: strategy === 'blue-green' ? 'unready' : flawed, strategy }
}
