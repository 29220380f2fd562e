/**
 * `npm run sim:fleet`: simulated days of a fleet by seed, until one of them shows something that must never be seen.
 *
 *     npm run sim:fleet -- --replicas 1000 --hours 24      the whole day, seed 1
 *     npm run sim:fleet -- --seeds 200                     that many small fleets, from seed 1 on
 *     npm run sim:fleet -- --seed 42 --verbose             one, told line by line
 *     --calls-per-second N   in the middle of the day, over all; default 10 a replica
 *     --calm                 nothing befalls it
 *     --keep-on              goes on behind a failure
 *     --no-shrink            leaves a failing scenario as it is
 *     --json                 one object with everything, for programs
 *
 * Exit code 1 when one failed, with the seed and the fewest of its first mishaps with which it still fails.
 */
import { parseArgs } from 'node:util'
import { failureWords, summaryWords } from './fleet-report.ts'
import { drawFleet } from './fleet-scenario.ts'
import { type FleetResult, type FleetWorld, simulateFleet } from './fleet-world.ts'
import { clockWords } from './mishap.ts'
import { shrinkFleet } from './shrink-fleet.ts'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    replicas: { type: 'string' },
    hours: { type: 'string' },
    'calls-per-second': { type: 'string' },
    calm: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    'keep-on': { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
})

function readNumber(name: 'seed' | 'seeds' | 'replicas' | 'hours' | 'calls-per-second'): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  process.stderr.write(`--${name} is a number above 0, not ${text}\n`)
  process.exit(2)
}

const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`)
}

const [firstSeed = 1, seeds = 1] = [readNumber('seed'), readNumber('seeds')]
const [replicas, hours, callsPerSecond] = [readNumber('replicas'), readNumber('hours'), readNumber('calls-per-second')]
const asked = {
  ...(replicas !== undefined && { replicas }),
  ...(hours !== undefined && { hours }),
  ...(callsPerSecond !== undefined && { callsPerSecond }),
  isCalm: values.calm,
}

let hourCpu = process.cpuUsage()
function onHour({ nowMs, watch }: FleetWorld): void {
  const spent = process.cpuUsage(hourCpu)
  hourCpu = process.cpuUsage()
  const { starts, drains, stops, deaths } = watch.counts
  const s = (spent.user + spent.system) / 1e6
  const mib = process.memoryUsage().heapUsed / 2 ** 20
  process.stderr.write(
    `${clockWords(nowMs)}  ${watch.living().length} run; ${starts} starts, ${drains} drains, ${stops} stops, ${deaths} deaths; ${s.toFixed(1)} s of CPU, ${mib.toFixed(0)} MiB\n`,
  )
}

const began = process.cpuUsage()
const beganMs = performance.now()
const results: FleetResult[] = []
const failures: FleetResult[] = []
for (let i = 0; i < seeds; i++) {
  const scenario = drawFleet({ seed: firstSeed + i, ...asked })
  const isLong = scenario.replicas * scenario.hours > 1000
  let result = await simulateFleet(scenario, {
    ...(values.verbose && { onLine: say }),
    ...(isLong && !values.json && { onHour }),
  })
  results.push(result)
  if (result.violations.length === 0) {
    if (seeds <= 20) say(summaryWords(result))
    continue
  }
  if (values.shrink) result = await shrinkFleet(result, (words) => process.stderr.write(`${words}\n`))
  failures.push(result)
  say(failureWords(result))
  if (!values['keep-on']) break
}

const cpu = process.cpuUsage(began)
const cpuS = (cpu.user + cpu.system) / 1e6
const seconds = (performance.now() - beganMs) / 1000
const looks = results.reduce((sum, each) => sum + each.looks, 0)
if (values.json) {
  const worlds = results.map(({ scenario, trace: _trace, ...rest }) => ({ seed: scenario.seed, ...rest }))
  const failing = failures.map(({ scenario, violations }) => ({
    seed: scenario.seed,
    violations,
    mishaps: scenario.mishaps,
  }))
  process.stdout.write(`${JSON.stringify({ cpuS, seconds, looks, worlds, failing }, null, 2)}\n`)
} else
  say(
    `${results.length} fleets, ${failures.length} failed; ${looks} looks in ${seconds.toFixed(1)} s (${cpuS.toFixed(1)} s of CPU), ${((1000 * cpuS) / Math.max(1, looks)).toFixed(3)} ms a look`,
  )
process.exitCode = failures.length > 0 ? 1 : 0
