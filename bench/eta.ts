/**
 * How good is the estimate of an incident's end? Recorded incidents of providers once more, in their order: each is
 * estimated by what had ended before it began. Beside the baselines that anyone would think of.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, flag, say, text } from './command.ts'
import { type Group, type Incident, readIncidents } from './eta/incidents.ts'
import { elapsedMins, holdfast, replay, type Shot } from './eta/replay.ts'
import { type Comparison, compare, type Score, scoreOf } from './eta/score.ts'

const usage = `usage: npm run bench:eta -- [options]
  --data FOLDER    with incidents as *.jsonl or *.jsonl.gz, default ../shared/incidents
  --score FILES    later incidents in the same form, separated by commas: they are scored, those of --data only learnt
                   from; without, the latest incidents of --data are scored
  --share N        which part of --data is scored without --score, default 0.3
  --brief          only the estimate and the best baseline
  --json FILE      keeps all figures`

interface Section {
  readonly group: Group
  readonly elapsedMin: number
  readonly scores: readonly Score[]
  readonly best: string
  readonly comparison: Comparison
}

const titles: Readonly<Record<Group, string>> = { llm: 'LLM providers', github: 'GitHub' }
const tell = (words: string): void => void process.stdout.write(`${words}\n`)

function main(): void {
  const command = new Command(usage, { data: text, score: text, share: text, brief: flag, json: text })
  const folder = command.text('data') ?? join(import.meta.dirname, '..', '..', 'shared', 'incidents')
  const scoreFiles = command.text('score')?.split(',') ?? []
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => /\.jsonl(\.gz)?$/.test(name)) : []
  const missing = scoreFiles.filter((file) => !existsSync(file))
  if (missing.length > 0) command.refuse(`no such file: ${missing.join(', ')}`)
  if (files.length === 0) return say(`skipped: no recorded incidents in ${folder}; name a folder with --data`)
  const taught = files.map((name) => join(folder, name))
  const incidents = readIncidents([...taught, ...scoreFiles])
  const isScored = scoredOf(incidents, readIncidents(scoreFiles), command.number('share', 0.3, 0.01, 0.9))
  const shots = replay(incidents, isScored)
  const sections = (['llm', 'github'] as const).flatMap((group) => sectionsOf(group, shots))
  for (const section of sections) print(section, command.is('brief'))
  const json = command.text('json')
  if (json) writeFileSync(json, `${JSON.stringify(sections, null, 2)}\n`)
}

/** Those of the later files; without any, the latest of each group. */
function scoredOf(all: readonly Incident[], later: readonly Incident[], share: number): (each: Incident) => boolean {
  const keyOf = ({ provider, beganMs, endedMs }: Incident): string => `${provider} ${beganMs} ${endedMs}`
  const groups = Map.groupBy(all, ({ group }) => group)
  const last = [...groups.values()].flatMap((group) => group.slice(-Math.round(group.length * share)))
  const keys = new Set((later.length > 0 ? later : last).map(keyOf))
  return (each) => keys.has(keyOf(each))
}

function sectionsOf(group: Group, shots: readonly Shot[]): Section[] {
  return elapsedMins.flatMap((elapsedMin) => {
    const here = shots.filter((shot) => shot.group === group && shot.elapsedMin === elapsedMin)
    if (here.length === 0) return []
    const byMethod = Map.groupBy(here, ({ method }) => method)
    const scores = [...byMethod].map(([method, each]) => scoreOf(method, each))
    const best = scores.filter(({ method }) => method !== holdfast).reduce((a, b) => (b.error < a.error ? b : a)).method
    const comparison = compare(byMethod.get(holdfast) ?? [], byMethod.get(best) ?? [])
    return [{ group, elapsedMin, scores, best, comparison }]
  })
}

function print({ group, elapsedMin, scores, best, comparison }: Section, isBrief: boolean): void {
  const { difference, low, high, p } = comparison
  const number = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-')
  const percent = (value: number): string => (Number.isFinite(value) ? `${Math.round(value * 100)} %` : '-')
  const when = elapsedMin === 0 ? 'fresh' : `open after ${elapsedMin} min`
  tell(`\n${titles[group]}, ${when}: ${scores[0]?.count ?? 0} incidents`)
  tell(
    '| method | error of ln minutes left | within a factor 2 | over by the P90 | in the range | pinball of the P90 |',
  )
  tell('| --- | --- | --- | --- | --- | --- |')
  for (const { method, error, withinFactor2, overByP90, inRange, pinball90 } of scores) {
    if (isBrief && method !== best && method !== holdfast) continue
    const cells = [method, number(error, 3), percent(withinFactor2), percent(overByP90), percent(inRange)]
    tell(`| ${[...cells, number(pinball90, 3)].join(' | ')} |`)
  }
  tell(
    `against "${best}": ${difference.toFixed(3)} (nine in ten between ${low.toFixed(3)} and ${high.toFixed(3)}), ` +
      `p = ${p.toFixed(3)}`,
  )
}

main()
