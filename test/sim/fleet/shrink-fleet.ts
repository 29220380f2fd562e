/** The fewest first mishaps with which a fleet still fails the same way; then those of them that are not needed go. */
import type { FleetScenario } from './fleet-scenario.ts'
import { type FleetResult, simulateFleet } from './fleet-world.ts'

/** Worlds that are tried. */
const triesMax = 60
/** Replicas times hours: what is larger takes too long to be tried again and again. */
const sizeMax = 500

export async function shrinkFleet(failed: FleetResult, say: (words: string) => void): Promise<FleetResult> {
  const [violation] = failed.violations
  const { scenario } = failed
  if (!violation || scenario.replicas * scenario.hours > sizeMax) return failed
  let tries = 0
  let smallest = failed
  const stillFails = async (mishaps: FleetScenario['mishaps']): Promise<boolean> => {
    if (++tries > triesMax) return false
    const result = await simulateFleet({ ...scenario, mishaps })
    const isSame = result.violations.some(({ check }) => check === violation.check)
    if (isSame) smallest = result
    return isSame
  }
  const { mishaps } = scenario
  // What came after it had nothing to do with it.
  let [enough, few] = [mishaps.length, -1]
  while (enough - few > 1) {
    const middle = (enough + few) >> 1
    if (await stillFails(mishaps.slice(0, middle))) enough = middle
    else few = middle
  }
  for (let i = smallest.scenario.mishaps.length - 1; i >= 0 && tries < triesMax; i--)
    await stillFails(smallest.scenario.mishaps.toSpliced(i, 1))
  say(`${tries} tries: ${smallest.scenario.mishaps.length} of ${mishaps.length} mishaps are enough`)
  return smallest
}
