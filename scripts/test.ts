/**
 * `npm test`: the checks, then all tests: the unit tests (pure, one process) and everything with sockets and processes,
 * a process a file, as many at once as the machine bears. Arguments name files to run instead of all.
 *
 *     npm test -- [part of a path ...] [--json] [--keep-costs] [--again]
 *
 * The end names the files that took longest; the last line counts. `--json` says the same for machines, on stdout, and
 * the rest on stderr. `--keep-costs` writes what each file took to test-costs.json, by which the next run orders them.
 * `--again`, for machines that others use too: up to five files that failed are run once more, each alone, and those
 * that pass then are named as flaky, which is broken and to be mended, but fail no run.
 */
import { existsSync, rmSync } from 'node:fs'
import { chmod, glob, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check } from './check.ts'
import { root } from './step.ts'
import { runTestJob, type TestJob, type TestResult } from './test-file.ts'
import { type Cost, type Place, pickNext } from './test-order.ts'

const costsPath = join(import.meta.dirname, 'test-costs.json')
/** Of a file that is not in the table; what takes no longer is not written down. */
const usual: Cost = { wallS: 2, cpuS: 1.5 }
const units = 'unit tests'
const againMax = 5

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    'keep-costs': { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
  },
})
const say = (text: string): void => void (flags.json ? process.stderr : process.stdout).write(text)

async function find(...patterns: string[]): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(patterns, { cwd: root })) files.push(file)
  return files.sort().filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
}

async function readCosts(): Promise<Record<string, Cost>> {
  return JSON.parse(await readFile(costsPath, 'utf8')) as Record<string, Cost>
}

async function findJobs(): Promise<TestJob[]> {
  const costs = await readCosts()
  const jobOf = (name: string, files: readonly string[]): TestJob => ({ name, files, cost: costs[name] ?? usual })
  const pure = await find('src/**/*.test.ts', 'bench/**/*.test.ts', 'lab/**/*.test.ts')
  // Where everything is run, the house rules are part of the check.
  const others = (await find('test/**/*.test.ts')).filter((file) => wanted.length > 0 || file !== 'test/tidy.test.ts')
  return [...(pure.length > 0 ? [jobOf(units, pure)] : []), ...others.map((file) => jobOf(file, [file]))]
}

async function runAll(jobs: readonly TestJob[], place: Place, folder: string): Promise<TestResult[]> {
  const waiting = new Set(jobs)
  const running = new Map<TestJob, Promise<void>>()
  const results: TestResult[] = []
  while (waiting.size + running.size > 0) {
    const job = pickNext([...waiting], [...running.keys()], place)
    if (job === null) {
      await Promise.race(running.values())
      continue
    }
    waiting.delete(job)
    const run = async (): Promise<void> => {
      const result = await runTestJob(job, join(folder, String(waiting.size)))
      running.delete(job)
      results.push(result)
      const at = `${results.length} of ${jobs.length}`
      say(
        `\n── ${at}: ${job.name}, ${result.wallS} s (CPU ${result.cpuS} s)${result.isGood ? '' : ', FAILED'} ──\n${result.report}`,
      )
    }
    running.set(job, run())
  }
  return results
}

/** Runs those that failed once more, one after the other, and gives those that passed then. */
async function runAgain(jobs: readonly TestJob[], folder: string): Promise<TestResult[]> {
  const good: TestResult[] = []
  for (const [index, job] of jobs.entries()) {
    const result = await runTestJob(job, join(folder, `again-${index}`))
    say(`\n── once more, alone: ${job.name}${result.isGood ? '' : ', FAILED again'} ──\n${result.report}`)
    if (result.isGood) good.push(result)
  }
  return good
}

/** For the temporary folders of all; short, since paths of sockets are. Gone at the end, whatever kind of end. */
async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-'))
  await chmod(folder, 0o711)
  process.once('exit', () => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // A process that outlived its test still writes there.
    }
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  return folder
}

function sum(results: readonly TestResult[], of: 'passed' | 'failed' | 'skipped' | 'wallS' | 'cpuS'): number {
  return results.reduce((total, result) => total + result[of], 0)
}

/** What failed has not shown what it takes, and what was not run takes what it took. */
async function keepCosts(results: readonly TestResult[]): Promise<void> {
  const costs = new Map(Object.entries(await readCosts()))
  for (const { name, isGood, wallS, cpuS } of results) if (isGood) costs.set(name, { wallS, cpuS })
  const rows = [...costs]
    .filter(([name, { wallS }]) => wallS > usual.wallS && (name === units || existsSync(join(root, name))))
    .toSorted(([, a], [, b]) => b.wallS - a.wallS)
    .map(([name, { wallS, cpuS }]) => `  ${JSON.stringify(name)}: { "wallS": ${wallS}, "cpuS": ${cpuS} }`)
  await writeFile(costsPath, `{\n${rows.join(',\n')}\n}\n`)
}

const startMs = performance.now()
const isChecked = wanted.length > 0 || (await check(say))
const cores = availableParallelism()
const folder = await openFolder()
const jobs = await findJobs()
const firstResults = await runAll(jobs, { cores, filesMax: cores * 2 }, folder)
const bad = firstResults.filter((result) => !result.isGood)
const isAgain = flags.again && bad.length <= againMax
const mended = isAgain
  ? await runAgain(
      jobs.filter((job) => bad.some(({ name }) => name === job.name)),
      folder,
    )
  : []
const results = firstResults.map((result) => mended.find(({ name }) => name === result.name) ?? result)
if (results.length === 0) say(`No test file has ${wanted.join(' or ')} in its path.\n`)
if (flags['keep-costs']) await keepCosts(results)
const isGood = isChecked && results.length > 0 && results.every((result) => result.isGood)
const [passed, failed, skipped] = [sum(results, 'passed'), sum(results, 'failed'), sum(results, 'skipped')]
const wallS = Math.round((performance.now() - startMs) / 1000)
const slowest = results.toSorted((a, b) => b.wallS - a.wallS)
say('\nWhat took longest, wall and CPU seconds:\n')
for (const { name, ...cost } of slowest.slice(0, 10))
  say(`${cost.wallS.toFixed(1).padStart(7)} ${cost.cpuS.toFixed(1).padStart(7)}  ${name}\n`)
for (const { name } of results.filter((result) => !result.isGood)) say(`FAILED  ${name}\n`)
for (const { name } of mended) say(`FLAKY   ${name}\n${bad.find((result) => result.name === name)?.report ?? ''}`)
say(`\nAll in ${wallS} s, ${Math.round(sum(results, 'cpuS'))} s of CPU in tests; `)
say(`checks and tests ${isGood ? 'are good' : 'FAILED'}.\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
if (flags.json) {
  const files = slowest.map((file) => ({ ...file, report: undefined }))
  process.stdout.write(
    `${JSON.stringify({ isGood, isChecked, wallS, passed, failed, skipped, flaky: mended.map(({ name }) => name), files }, null, 1)}\n`,
  )
}
process.exitCode = isGood ? 0 : 1
