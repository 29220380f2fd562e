/** One test file, or the unit tests together, in a process: its report, its counts, what it cost. */
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { root, runStep } from './step.ts'
import type { Cost } from './test-order.ts'

export interface TestJob {
  readonly name: string
  readonly files: readonly string[]
  /** As far as is known. */
  readonly cost: Cost
}

export interface TestResult extends Cost {
  readonly name: string
  readonly isGood: boolean
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What node:test says of it, without its closing lines. */
  readonly report: string
}

/** For a single test; a machine may be busy with others. */
const testMsMax = 240_000
const jobMsMax = 600_000

/** Runs it. `folder` is made for it, as its temporary folder, and is gone afterwards: what is killed leaves nothing. */
export async function runTestJob({ name, files }: TestJob, folder: string): Promise<TestResult> {
  await mkdir(folder)
  // As /tmp is: some tests run programs under another user.
  await chmod(folder, 0o1777)
  const costPath = join(folder, 'cost-of-test')
  const { isGood, seconds, output } = await runStep(
    name,
    process.execPath,
    [
      ...['--import', './scripts/leave.ts', `--test-timeout=${testMsMax}`, '--test-reporter=spec'],
      ...(files.length > 1 ? ['--test', '--test-isolation=none'] : []),
      ...files,
    ],
    {
      timeoutMs: jobMsMax,
      // The same place that the command itself chooses in a checkout: types are stripped and code is compiled once.
      environment: {
        ...{ HOLDFAST_TEST_COST: costPath, TMPDIR: folder },
        NODE_COMPILE_CACHE: join(root, '.cache', 'compile'),
      },
    },
  )
  const cpuMs = Number(await readFile(costPath, 'utf8').catch(() => '0'))
  await remove(folder)
  const closing = output.lastIndexOf('\nℹ tests ')
  // The last one: a test may itself have run tests and shown their report.
  const count = (what: string): number =>
    Number(new RegExp(`^ℹ ${what} (\\d+)`, 'm').exec(output.slice(Math.max(0, closing)))?.[1] ?? 0)
  const [passed, failed] = [count('pass'), count('fail') + count('cancelled')]
  const skipped = count('skipped') + count('todo')
  return {
    name,
    // A run that counted nothing ran nothing, whatever its exit code says.
    isGood: isGood && passed + skipped > 0,
    ...{ passed, failed, skipped, wallS: round(seconds), cpuS: round(cpuMs / 1000) },
    report: isGood && closing !== -1 ? output.slice(0, closing + 1) : output,
  }
}

/** What somebody still writes to is left for the end of the whole run. */
function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {})
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
