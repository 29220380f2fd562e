// Hundreds of simulated worlds: production gateways, everything else by seed. None may show what must never be seen.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failureWords, Tally } from './report.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'

/** About 30 ms each. */
const worldCount = 300
/** Broken answers, gateways that take over, calls sent twice: so that the test is known to have tested it. */
const seamsMin = 50
const adoptionsMin = 50
const hedgesWonMin = 50

test(`${worldCount} simulated worlds show nothing that must never be seen`, async (t) => {
  const tally = new Tally()
  const failures: string[] = []
  for (let seed = 1; seed <= worldCount && failures.length < 3; seed++) {
    const result = await simulate(drawScenario(seed))
    tally.add(result)
    if (result.violations.length > 0) failures.push(failureWords(result, 25))
  }
  t.diagnostic(tally.words)
  assert.equal(failures.length, 0, `\n${failures.join('\n\n')}\n`)
  assert.ok(tally.seams >= seamsMin, `${tally.seams} seams are too few to say anything`)
  assert.ok(tally.adoptions >= adoptionsMin, `${tally.adoptions} adoptions are too few to say anything`)
  assert.ok(tally.hedgesWon >= hedgesWonMin, `${tally.hedgesWon} of ${tally.hedges} hedges are too few to say anything`)
})

test('the same seed gives the same world, to the last event', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const [first, second] = [await simulate(drawScenario(seed)), await simulate(drawScenario(seed))]
    assert.equal(first.hash, second.hash, `seed ${seed}`)
    assert.notEqual(first.hash, (await simulate(drawScenario(seed + 1000))).hash)
  }
})

/** A world that failed once. */
interface Case {
  readonly why: string
  readonly scenario: Scenario
}

const folder = join(import.meta.dirname, 'cases')
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')))
  test(`case ${file.replace('.json', '')}`, async (t) => {
    const { why, scenario } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Case
    t.diagnostic(why)
    const result = await simulate(scenario)
    assert.deepEqual(result.violations, [], `\n${failureWords(result, 40)}\n`)
  })
