/**
 * `npm run sim`: simulated worlds by seed, until one of them shows something that must never be seen.
 *
 *     npm run sim -- --seeds 500              that many worlds, from seed 1 on
 *     npm run sim -- --seed 42 --verbose      one world, told line by line
 *     npm run sim -- --minutes 10             as many as there is time for, from a seed that changes
 *     --json       one object with everything, for programs
 *     --keep-on    goes on behind a failure
 *     --shrink     makes the first failing world as small as it goes, and writes it as a case
 *
 * Exit code 1 when a world failed.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { failureWords, Tally } from './report.ts'
import { drawScenario } from './scenario.ts'
import { shrink } from './shrink.ts'
import { type Result, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    'keep-on': { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
})

const defaultSeeds = 100
const failuresShownMax = 10
const progressMs = 1000

const minutes = values.minutes === undefined ? null : readNumber('minutes', values.minutes)
const firstSeed =
  values.seed === undefined ? (minutes === null ? 1 : Date.now() % 2 ** 31) : readNumber('seed', values.seed)
const seeds = values.seeds === undefined ? null : readNumber('seeds', values.seeds)
const count = seeds ?? (minutes === null ? (values.seed === undefined ? defaultSeeds : 1) : Number.POSITIVE_INFINITY)

function readNumber(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} is a number, not ${text}`)
  return value
}

const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`)
}

const startMs = performance.now()
const tally = new Tally()
const failures: Result[] = []
let shownMs = startMs
for (let i = 0; i < count; i++) {
  if (minutes !== null && performance.now() - startMs > minutes * 60_000) break
  const result = await simulate(drawScenario(firstSeed + i), values.verbose ? { onLine: say } : {})
  tally.add(result)
  if (result.violations.length > 0) {
    if (failures.length < failuresShownMax) failures.push(result)
    say(failureWords(result))
    if (!values['keep-on']) break
  }
  if (performance.now() - shownMs < progressMs) continue
  shownMs = performance.now()
  process.stderr.write(`seed ${firstSeed + i}: ${tally.worlds} worlds, ${tally.failed} failed\n`)
}

const [first] = failures
const [violation] = first?.violations ?? []
if (values.shrink && first && violation) {
  const scenario = await shrink(first.scenario, violation)
  const path = join(import.meta.dirname, 'cases', `seed-${scenario.seed}-${violation.check}.json`)
  const kept = { why: violation.words, check: violation.check, scenario }
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`)
  say(`${failureWords(await simulate(scenario))}\nWritten to ${path}: say there in words why it failed.`)
}
const seconds = (performance.now() - startMs) / 1000
if (values.json) {
  const { worlds, failed, steps, seams, adoptions, hedges, hedgesWon, endings } = tally
  const failing = failures.map(({ scenario, violations, hash }) => ({ seed: scenario.seed, hash, violations }))
  const report = {
    firstSeed,
    worlds,
    failed,
    steps,
    simulatedSeconds: tally.seconds,
    seconds,
    seams,
    adoptions,
    hedges,
    hedgesWon,
    endings,
    failing,
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
} else say(`${tally.words}\n${seconds.toFixed(1)} s, ${(tally.worlds / seconds).toFixed(0)} worlds a second`)
process.exitCode = tally.failed > 0 ? 1 : 0
