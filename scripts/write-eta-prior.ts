/**
 * `node scripts/write-eta-prior.ts FOLDER`: fits the shipped prior of how long incidents last to recorded ones, and
 * writes nothing of them but its few numbers. The folder holds incidents as *.jsonl or *.jsonl.gz (bench/README.md).
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Group, readIncidents } from '../bench/eta/incidents.ts'
import { otherWeight } from '../bench/eta/replay.ts'
import { ageWeight, fitPrior } from '../src/status/eta/fit-prior.ts'
import { root } from './step.ts'

const folder = process.argv[2]
if (!folder) throw new Error('usage: node scripts/write-eta-prior.ts FOLDER')
const names = readdirSync(folder).filter((name) => /\.jsonl(\.gz)?$/.test(name))
const incidents = readIncidents(names.map((name) => join(folder, name)))
// Each source is as new as its newest: those of model providers, which matter most, end a year and a half earlier.
const newest = new Map<Group, number>()
for (const { group, beganMs } of incidents) newest.set(group, Math.max(beganMs, newest.get(group) ?? 0))
const { curve, effects, spread } = fitPrior(
  incidents.map(({ story, group, beganMs }) => ({
    story,
    weight: ageWeight((newest.get(group) ?? beganMs) - beganMs) * (group === 'llm' ? 1 : otherWeight),
  })),
)
const list = (values: readonly number[]): string => `[${values.map((each) => each.toFixed(3)).join(', ')}]`
const text = `/**
 * The prior that is shipped: fitted to ${incidents.length} public incidents by \`node scripts/write-eta-prior.ts\`,
 * which writes this file.
 * Sums over the status pages of OpenAI, Anthropic and Character.AI (times from atlarge-research/llm-service-analysis)
 * and of GitHub (mrshu/github-statuses, MIT). No text, time or duration of any one incident is in it.
 */
import type { EtaPrior } from './prior.ts'

export const shippedPrior: EtaPrior = {
  curve: ${list(curve)},
  effects: {
${Object.entries(effects)
  .map(([name, value]) => `    ${name}: ${value.toFixed(3)},`)
  .join('\n')}
  },
  spread: [
${spread.map((points) => `    '${points.map((each) => each.toFixed(2)).join(' ')}',`).join('\n')}
  ].map((points) => points.split(' ').map(Number)),
}
`
writeFileSync(join(root, 'src/status/eta/shipped-prior.ts'), text)
