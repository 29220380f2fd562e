/**
 * `npm run explain:fuzz`: thousands of requests of all kinds at a gateway that goes wrong in all ways; each failure
 * must bear ray, cause and advice, and `explain` must know why. Exit code 1 when one does not.
 *
 *     npm run explain:fuzz -- --calls 5000 --seed 3
 *     npm run explain:fuzz -- --write                  and docs/explain-fuzz.md
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'
import { lacking, table } from './table.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '24' },
    upsets: { type: 'string', default: '4' },
    'by-command': { type: 'string', default: '24' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run explain:fuzz -- [--calls 5000] [--seed 1] [--at-once 24] [--upsets 4] [--by-command 24] [--write]\n',
  )
  process.exit(0)
}
const began = performance.now()
const [calls, seed] = [Number(values.calls), Number(values.seed)]
const result = await fuzz({
  calls,
  seed,
  atOnce: Number(values['at-once']),
  upsets: Number(values.upsets),
  byCommand: Number(values['by-command']),
  log: (words) => process.stderr.write(`${words}\n`),
})
const { failures, asked, unanswered, wordless, badCommands } = result
const bad = [
  ...lacking(failures),
  ...wordless.map((each) => `a stream that broke without a word: ${each}`),
  ...badCommands,
]
const events = failures.filter(({ where }) => where === 'event').length
const seconds = Math.round((performance.now() - began) / 1000)
const lost = failures.filter(({ cause }) => cause === 'unrecorded').length
const words = `${asked} asked, ${unanswered} without an answer, ${failures.length} failures (${events} in streams), ${bad.length} kinds of them lack something, ${lost} went with a process that was killed and are said to; seed ${seed}, ${seconds} s`
process.stdout.write(`${table(result)}\n\n${words}\n`)
for (const line of bad) process.stdout.write(`  ${line}\n`)
if (values.write) {
  const intro = `# Whether every failure is explained

Thousands of requests, good and odd, in every language and below it, while model servers fail before and after the
first token, workers are killed and the gateway is restarted ([test/explain/fuzz](../test/explain/fuzz)). Each refusal,
and each error in a stream that had begun (\`event\`), must bear a ray, a code and advice, and \`explain\` must have a
cause for it.
This page is written by \`npm run explain:fuzz -- --write\`.
`
  const text = `${intro}\n${words}.\n\n\`\`\`\n${table(result)}\n\`\`\`\n`
  await writeFile(join(import.meta.dirname, '../../../docs/explain-fuzz.md'), text)
}
process.exit(bad.length === 0 && failures.length > 0 ? 0 : 1)
