// Simulated worlds in which servers come and go all the time, with everything else that befalls a world, and without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../world/chance.ts'
import { failureWords, Tally } from './report.ts'
import { drawScenario, type Scenario, busyMs } from './scenario.ts'
import { simulate } from './simulate.ts'
import { drawTurnovers } from './world-fault.ts'

const worldCount = 60

function drawTurningWorld(seed: number, isCalm: boolean): Scenario {
  const scenario = drawScenario(seed)
  const { gateways, servers, stories, faults } = scenario
  const place = { gateways, servers: servers.length, stories: stories.length, untilMs: busyMs }
  const turnovers = drawTurnovers(new Chance(seed).fork('turnovers'), place)
  return { ...scenario, faults: [...(isCalm ? [] : faults), ...turnovers].sort((a, b) => a.atMs - b.atMs) }
}

for (const isCalm of [true, false])
  test(`${worldCount} worlds whose servers come and go, ${isCalm ? 'and nothing else' : 'among other faults'}`, async (t) => {
    const tally = new Tally()
    const failures: string[] = []
    let moveCount = 0
    for (let seed = 1; seed <= worldCount && failures.length < 3; seed++) {
      const result = await simulate(drawTurningWorld(seed, isCalm))
      tally.add(result)
      moveCount += result.trace.filter((line) => line.includes('HF_UPSTREAM_DRAINED')).length
      if (result.violations.length > 0) failures.push(failureWords(result, 25))
    }
    t.diagnostic(`${tally.words}; ${moveCount} calls moved`)
    assert.equal(failures.length, 0, `\n${failures.join('\n\n')}\n`)
    assert.ok(moveCount >= 10, `${moveCount} moves are too few to say anything`)
  })
