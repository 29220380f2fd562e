/**
 * `npm run explain:lab`: injects causes for real, asks `explain` about the calls that met them, and prints what was
 * found. Exit code 1 when fewer than 95 % are right.
 *
 *     npm run explain:lab -- --runs 200 --write      all scenarios, and docs/explain-matrix.md
 *     npm run explain:lab -- --only poison --runs 5  causes or titles that contain a word
 *     npm run explain:lab -- --jury                  the held-out cases only
 *     npm run explain:lab -- --wrong                 the whole explanation of those that are wrong
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { causeNames } from '../../src/diagnosis/causes.ts'
import { explanation } from '../../src/diagnosis/explanation.ts'
import { juryScenarios } from './jury/jury-scenarios.ts'
import { drawMatrix, shareRight, type Verdict } from './matrix.ts'
import { mayHaveNetwork, ownNetwork, runInNetwork } from './own-network.ts'
import { isRight, runAll, scenarios } from './run.ts'

const shareMin = 0.95
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '2' },
    only: { type: 'string' },
    jury: { type: 'boolean', default: false },
    wrong: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run explain:lab -- [--runs 200] [--seed 1] [--at-once 2] [--only WORD] [--jury] [--wrong] [--write]\n',
  )
  process.exit(0)
}
if (!ownNetwork && mayHaveNetwork()) process.exit(await runInNetwork())

const { only: word } = values
const [runs, seed, atOnce] = [Number(values.runs), Number(values.seed), Number(values['at-once'])]
const began = performance.now()
const verdicts = await runAll({
  runs,
  seed,
  atOnce,
  only: (scenario) =>
    (!values.jury || juryScenarios.includes(scenario)) &&
    (!word || scenario.expects.includes(word) || scenario.title.includes(word)),
  onGroup: (outcomes, done, all) => {
    process.stderr.write(`${done} of ${all}\n`)
    for (const { scenario, seed: own, ray, diagnosis } of outcomes) {
      if (isRight(scenario, diagnosis.cause)) continue
      const found = `${diagnosis.cause} ${Math.round(100 * diagnosis.confidence)} %`
      process.stderr.write(`  ${scenario.title} (seed ${own}, ${ray}): ${scenario.expects} expected, ${found}\n`)
      if (values.wrong) process.stderr.write(`${explanation(diagnosis)}\n`)
    }
  },
})
const share = shareRight(verdicts)
const seconds = Math.round((performance.now() - began) / 1000)
const ofJury = new Set(juryScenarios.map(({ title }) => title))
const isOfJury = ({ title }: Verdict): boolean => ofJury.has(title)
const words = [
  `${scoreOf(verdicts)} of calls explained rightly, ${runs} injections of ${scenarios.length} kinds, seed ${seed}, ${seconds} s.`,
  `By the jury's cases alone: ${scoreOf(verdicts.filter(isOfJury))}; by those of the makers of the rules: ${scoreOf(verdicts.filter((each) => !isOfJury(each)))}.`,
].join('\n')
const neverInjected = causeNames.filter((name) => !scenarios.some(({ expects }) => expects === name))
const left = `Never injected, and not counted: ${neverInjected.map((name) => `\`${name}\``).join(', ')}.`
process.stdout.write(`${drawMatrix(verdicts)}\n\n${words}\n${left}\n`)
if (values.write) {
  const intro = `# What \`explain\` finds

The laboratory of faults ([test/explain](../test/explain)) injects causes for real, as processes, sockets and files
allow, with everything else drawn by seed: how many replicas, streamed or not, what came before, what goes on beside it,
and up to five incidents at once behind one gateway. Then \`explain\` is asked about each call that met a cause.
The cases in [test/explain/jury](../test/explain/jury) were written by somebody who had not made the rules, before they
were played; [the guide](guide/explain.md#how-good-it-is) says how that went the first time.
This page is written by \`npm run explain:lab -- --write\`.
`
  await writeFile(
    join(import.meta.dirname, '../../docs/explain-matrix.md'),
    `${intro}\n${words}\n\n${drawMatrix(verdicts)}\n\n${left}\n`,
  )
}
process.exit(share >= shareMin ? 0 : 1)

function scoreOf(some: readonly Verdict[]): string {
  const count = some.filter(({ expected, found }) => expected === found).length
  return `${count} of ${some.length} (${(100 * shareRight(some)).toFixed(1)} %)`
}
