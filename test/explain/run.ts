/** Draws causes by seed and plays them: those that can share a gateway in groups, the others alone. */
import { seededRandom } from '../../src/ground/random.ts'
import { clientScenarios } from './client-scenarios.ts'
import { gatewayScenarios } from './gateway-scenarios.ts'
import type { Verdict } from './matrix.ts'
import { juryScenarios } from './jury/jury-scenarios.ts'
import { networkScenarios } from './network-scenarios.ts'
import { overloadScenarios } from './overload-scenarios.ts'
import { providerScenarios } from './provider-scenarios.ts'
import { ownNetwork } from './own-network.ts'
import type { Scenario } from './scenario.ts'
import { serverScenarios } from './server-scenarios.ts'
import { type Injection, type Outcome, play } from './stage.ts'

export const scenarios: readonly Scenario[] = [
  ...serverScenarios,
  ...networkScenarios,
  ...providerScenarios,
  ...overloadScenarios,
  ...clientScenarios,
  ...gatewayScenarios,
  ...juryScenarios,
]

/** Incidents that happen behind one gateway at the same time. */
const groupMax = 5

export interface RunOptions {
  /** Injections in all; each scenario gets its share. */
  readonly runs: number
  readonly seed: number
  /** Groups at once. */
  readonly atOnce: number
  readonly only?: (scenario: Scenario) => boolean
  readonly onGroup?: (outcomes: readonly Outcome[], done: number, all: number) => void
}

export async function runAll({ runs, seed, atOnce, only = () => true, onGroup }: RunOptions): Promise<Verdict[]> {
  const random = seededRandom(seed)
  const wanted = scenarios.filter((each) => only(each) && (ownNetwork || !each.needsNetwork))
  const injections = Array.from({ length: runs }, (_, i): Injection => {
    return { scenario: wanted[i % wanted.length] as Scenario, seed: random.bits(31) }
  })
  const groups = inGroups(injections, () => random.unit())
  const verdicts: Verdict[] = []
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    while (next < groups.length) {
      const group = groups[next++] ?? []
      const outcomes = await play(group).catch((error: unknown): Outcome[] => {
        process.stderr.write(
          `  ${group.map(({ scenario }) => scenario.title).join(', ')}: not played, ${String(error)}\n`,
        )
        return []
      })
      verdicts.push(...outcomes.map(verdictOf), ...unanswered(group, outcomes))
      onGroup?.(outcomes, ++done, groups.length)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return verdicts
}

/** Mixed, so that different incidents meet. */
function inGroups(injections: readonly Injection[], unit: () => number): Injection[][] {
  const alone = injections.filter(({ scenario }) => scenario.isAlone)
  const mixed = injections
    .filter(({ scenario }) => !scenario.isAlone)
    .map((injection) => ({ injection, key: unit() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ injection }) => injection)
  const groups = alone.map((one) => [one])
  for (let i = 0; i < mixed.length; i += groupMax) groups.push(mixed.slice(i, i + groupMax))
  return groups
}

function verdictOf({ scenario, diagnosis: { cause, confidence } }: Outcome): Verdict {
  const { title, expects } = scenario
  return { title, expected: expects, found: isRight(scenario, cause) ? expects : cause, confidence }
}

export function isRight({ expects, alsoRight = [] }: Scenario, cause: string): boolean {
  return [expects, ...alsoRight].some((name) => name === cause)
}

/** An injection that gave no ray has failed as well. */
function unanswered(group: readonly Injection[], outcomes: readonly Outcome[]): Verdict[] {
  return group
    .filter(
      (injection) => !outcomes.some(({ scenario, seed }) => scenario === injection.scenario && seed === injection.seed),
    )
    .map(({ scenario: { title, expects } }) => ({ title, expected: expects, found: 'no ray', confidence: 0 }))
}
