/**
 * `npm test`: the checks, the unit tests (pure, one process), then everything with sockets and processes, a process a
 * file. Arguments name files to run instead of all. The last line counts.
 */
import { glob } from 'node:fs/promises'
import { check } from './check.ts'
import { root, runStep } from './step.ts'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 }

async function find(pattern: string): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(pattern, { cwd: root })) files.push(file)
  return files.sort()
}

/** Runs test files under node:test, shows its report, and adds up its closing lines. */
/** For all tests of a kind, on a machine that is busy with other things. */
const testsMsMax = 2_400_000

async function runTests(name: string, files: readonly string[], flags: readonly string[]): Promise<boolean> {
  if (files.length === 0) return true
  process.stdout.write(`\n── ${name}: ${files.length} files ──\n`)
  const onOutput = (text: string): void => void process.stdout.write(text)
  const { isGood, seconds, output } = await runStep(
    name,
    process.execPath,
    ['--import', './scripts/leave.ts', '--test', '--test-reporter=spec', ...flags, ...files],
    { onOutput, timeoutMs: testsMsMax },
  )
  // The last one: a test may itself have run tests and shown their report.
  const counted = (what: string): number =>
    Number([...output.matchAll(new RegExp(`^ℹ ${what} (\\d+)`, 'gm'))].at(-1)?.[1] ?? 0)
  const before = counts.passed + counts.failed + counts.skipped
  counts.passed += counted('pass')
  counts.failed += counted('fail') + counted('cancelled')
  counts.skipped += counted('skipped') + counted('todo')
  process.stdout.write(`${name}: ${seconds.toFixed(1)} s\n`)
  // A run that counted nothing ran nothing, whatever its exit code says.
  return isGood && counts.passed + counts.failed + counts.skipped > before
}

const wanted = process.argv.slice(2)
const isWanted = (file: string): boolean => wanted.length === 0 || wanted.some((part) => file.includes(part))
const startMs = performance.now()
let isGood = wanted.length > 0 || (await check())
const units = (await find('src/**/*.test.ts'))
  .concat(await find('bench/**/*.test.ts'), await find('lab/**/*.test.ts'))
  .filter(isWanted)
isGood = (await runTests('unit tests', units, ['--test-isolation=none'])) && isGood
// All of them, the house rules are part of the check.
const isChecked = (file: string): boolean => wanted.length === 0 && file === 'test/tidy.test.ts'
const others = (await find('test/**/*.test.ts')).filter((file) => isWanted(file) && !isChecked(file))
const flags = ['--test-concurrency=2', '--test-timeout=240000']
isGood = (await runTests('tests with sockets and processes', others, flags)) && isGood
if (units.length + others.length === 0) {
  process.stdout.write(`No test file has ${wanted.join(' or ')} in its path.\n`)
  isGood = false
}
process.stdout.write(
  `\nAll in ${((performance.now() - startMs) / 1000).toFixed(0)} s; checks and tests ${isGood ? 'are good' : 'FAILED'}.\n`,
)
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
process.exitCode = isGood ? 0 : 1
