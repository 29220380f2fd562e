/**
 * The report of a run: its small print, its tables, its notes; and the marked section of the README that keeps the
 * last one.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IdleSample, Sample } from './contender.ts'
import type { Machine } from './machine.ts'
import { questions } from './question.ts'
import { idleTable, questionTable } from './table.ts'

export interface Report {
  readonly machine: Machine
  readonly rounds: number
  readonly seconds: number
  /** Share of the machine's CPU time that others took during the run, and that the hypervisor kept, 0..1. */
  readonly neighbourShare: number
  readonly stolenShare: number
  readonly versions: readonly string[]
  readonly notes: readonly string[]
  readonly samples: readonly Sample[]
  readonly idle: readonly IdleSample[]
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

export function reportText(report: Report): string {
  const { machine } = report
  const where = `${machine.processor}, ${machine.coreCount} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}`
  const when = `${machine.date} UTC, commit ${machine.commit}, ${report.rounds} rounds of ${report.seconds} s`
  const noise = `load average before ${machine.loadBefore.toFixed(2)}, neighbours ${percent(report.neighbourShare)} of the machine, stolen ${percent(report.stolenShare)}`
  const tables = questions.map((question) => questionTable(question, report.samples))
  return [
    `${when}.\n${where}.\n${report.versions.join(', ')}. Noise: ${noise}.\n`,
    ...[...tables, idleTable(report.idle)].filter((text) => text !== ''),
    '- \\* one of the two could not follow (more than 5 % of its chunks came later than a chunk interval): not a fair ratio.',
    ...report.notes.map((note) => `- ${note}`),
  ].join('\n')
}

/** Puts the report between its two marks in bench/README.md. */
export function writeReport(report: Report): void {
  writeSection('results', reportText(report))
}

/** Puts text between the two marks of this name in bench/README.md: `<!-- name: … -->` and `<!-- name end -->`. */
export function writeSection(name: string, section: string): void {
  const file = join(import.meta.dirname, 'README.md')
  const text = readFileSync(file, 'utf8')
  const from = text.indexOf('-->', text.indexOf(`<!-- ${name}: `)) + '-->'.length
  const to = text.indexOf(`<!-- ${name} end -->`)
  if (!text.includes(`<!-- ${name}: `) || to < from) throw new Error(`${file} has lost its marks of "${name}"`)
  writeFileSync(file, `${text.slice(0, from)}\n\n${section}\n\n${text.slice(to)}`)
}
