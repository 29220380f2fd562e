/** The report of an overload run, in Markdown: the curves, a table for each mode, and what is to be kept in mind. */
import type { Machine } from '../machine.ts'
import type { Capacity } from './capacity.ts'
import { plot } from './plot.ts'
import { engine, engineCount, type ModeName } from './scene.ts'
import type { LevelScore, LevelSpan } from './score.ts'

export interface Level {
  readonly mode: ModeName
  /** Offered load, times the capacity. */
  readonly load: number
  readonly score: LevelScore
  /** Tokens made for answers that came too late or not at all, of all that were made. */
  readonly wastedShare: number
  /** Times that clients were told to wait in the queue, held within 30 % and not; null where none is told. */
  readonly etas: { readonly held: number; readonly missed: number } | null
  /** Busy, as a share of one core. */
  readonly cpu: { readonly gateway: number; readonly engines: number; readonly load: number }
}

export interface OverloadReport {
  readonly machine: Machine
  readonly seed: number
  readonly speed: number
  readonly isReturning: boolean
  readonly onDisconnect: 'cancel' | 'detach'
  readonly span: LevelSpan
  readonly capacity: Capacity
  readonly levels: readonly Level[]
  readonly neighbourShare: number
  readonly stolenShare: number
}

const marks: Readonly<Record<ModeName, string>> = { off: 'o', capped: 'c', deadlines: 'd', fixed: '+', adaptive: '#' }

const percent = (value: number, digits = 0): string =>
  Number.isFinite(value) ? `${(value * 100).toFixed(digits)} %` : '–'
const seconds = (ms: number): string => (Number.isFinite(ms) ? (ms / 1000).toFixed(2) : '–')
const milliseconds = (ms: number): string => (Number.isFinite(ms) ? ms.toFixed(0) : '–')
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const grid = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---:')), ...rows.map(row)].join('\n')
const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ') || '0'

/** A load that sends later than this is short of CPU, and what is counted from the planned moment says so. */
const lagMsMax = 50

const loadCell = ({ load, score }: Level): string => `${load}×${score.lagP99Ms > lagMsMax ? ' \\*' : ''}`

/** Goodput as a share of the mode's own best level. */
export function shareOfBest(level: Level, levels: readonly Level[]): number {
  const own = levels.filter(({ mode }) => mode === level.mode)
  return level.score.goodPerSecond / Math.max(...own.map(({ score }) => score.goodPerSecond))
}

function goodTable(own: readonly Level[], all: readonly Level[]): string {
  const head = [
    'load',
    'offered/s',
    'in time/s',
    'of its best',
    'tokens in time/s',
    'premium',
    'standard',
    'batch',
    'first token p50 s',
    'p99 s',
    'whole p99 s',
    'late',
    'wasted tokens',
  ]
  const rows = own.map((level) => {
    const { score } = level
    return [
      loadCell(level),
      score.offeredPerSecond.toFixed(1),
      score.goodPerSecond.toFixed(1),
      percent(shareOfBest(level, all)),
      score.goodTokensPerSecond.toFixed(0),
      percent(score.heldShare.premium),
      percent(score.heldShare.standard),
      percent(score.heldShare.batch),
      seconds(score.firstTokenP50Ms),
      seconds(score.firstTokenP99Ms),
      seconds(score.totalP99Ms),
      String(score.lateCount),
      percent(level.wastedShare),
    ]
  })
  return grid(head, rows)
}

function refusalTable(own: readonly Level[], isReturning: boolean): string {
  const head = [
    'load',
    'refused',
    'said after p50 ms',
    'p99 ms',
    'Retry-After p50 s',
    'beyond the deadline',
    ...(isReturning ? ['came back', 'and got in'] : []),
    'ETA within 30 %',
    'greedy served',
    'modest served',
    "greedy's tokens of its tier",
    'broken',
  ]
  const rows = own.map((level) => refusalRow(level, isReturning))
  return grid(head, rows)
}

function refusalRow(level: Level, isReturning: boolean): string[] {
  const { score, etas } = level
  return [
    loadCell(level),
    counted(score.refused),
    milliseconds(score.refusedInP50Ms),
    milliseconds(score.refusedInP99Ms),
    seconds(score.retryAfterP50Ms),
    percent(score.toldTooLateShare),
    ...(isReturning ? [String(score.comebackCount), percent(score.comebackInShare)] : []),
    etas === null ? '–' : `${percent(etas.held / (etas.held + etas.missed))} of ${etas.held + etas.missed}`,
    percent(score.greedyHeldShare),
    percent(score.modestHeldShare),
    percent(score.greedyTokenShare),
    counted(score.broken),
  ]
}

function curves({ levels, capacity, isReturning }: OverloadReport): string {
  const names = [...new Set(levels.map(({ mode }) => mode))]
  const title = `answers in time per second, over the offered load (capacity ${capacity.callsPerSecond.toFixed(1)}/s)`
  const drawn = names.map((name) => ({
    name: name,
    mark: marks[name],
    points: levels
      .filter(({ mode }) => mode === name)
      .map(({ load, score }) => [load, score.goodPerSecond] as const)
      .toSorted(([a], [b]) => a - b),
  }))
  return `\`\`\`text\n${plot(drawn, isReturning ? `${title}, the refused come back` : title, (x) => `${x}×`)}\n\`\`\``
}

export function verdicts({ levels }: OverloadReport): string[] {
  const names = [...new Set(levels.map(({ mode }) => mode))]
  return names.map((name) => {
    const own = levels.filter(({ mode }) => mode === name)
    const last = own.toSorted((a, b) => a.load - b.load).at(-1) as Level
    const worst = own.filter(({ load }) => load >= 1).toSorted((a, b) => shareOfBest(a, own) - shareOfBest(b, own))[0]
    const dip = worst === undefined ? '' : `, worst from 1× on: ${percent(shareOfBest(worst, own))} at ${worst.load}×`
    return `${name}: at ${last.load}× load, ${percent(shareOfBest(last, own))} of its best goodput${dip}`
  })
}

function smallPrint(report: OverloadReport): string[] {
  const { machine, span, speed, capacity, levels, isReturning } = report
  const busiest = (pick: (cpu: Level['cpu']) => number): string =>
    percent(Math.max(...levels.map(({ cpu }) => pick(cpu))))
  const { premium, standard, batch } = span.deadlineSeconds
  const lagMs = Math.max(...levels.map(({ score }) => score.lagP99Ms))
  return [
    `${machine.date} UTC, commit ${machine.commit}, seed ${report.seed}; ${machine.processor}, ${machine.coreCount} cores, ${machine.system}, Node ${machine.node}.`,
    `${engineCount} engines of ${engine.slots} slots, ${engine.rate * speed} tokens/s a sequence alone, endless queue; closed loop without a gateway: ${capacity.callsPerSecond.toFixed(1)} answers/s, ${capacity.tokensPerSecond.toFixed(0)} tokens/s.`,
    `Levels of ${span.seconds} s, the first ${span.settleSeconds} s not counted; deadlines ${premium} s premium, ${standard} s standard, ${batch} s batch, then the client hangs up (\`onDisconnect: ${report.onDisconnect}\`)${isReturning ? '; the refused come back when told to, twice at most' : ''}.`,
    `CPU at the busiest level, of one core: gateway ${busiest(({ gateway }) => gateway)}, engines ${busiest(({ engines }) => engines)}, load ${busiest(({ load }) => load)}; load sent at most ${milliseconds(lagMs)} ms late (p99). Neighbours ${percent(report.neighbourShare)} of the machine, stolen ${percent(report.stolenShare, 1)}.`,
    ...(lagMs > lagMsMax
      ? [
          `\\* the load itself was late by more than ${lagMsMax} ms (p99): the machine was short of CPU, not a fair level.`,
        ]
      : []),
  ]
}

export function reportText(report: OverloadReport): string {
  const { levels, isReturning } = report
  const names = [...new Set(levels.map(({ mode }) => mode))]
  const tables = names.flatMap((name) => {
    const own = levels.filter(({ mode }) => mode === name)
    return [
      `### Mode "${name}"${isReturning ? ', the refused come back' : ''}`,
      goodTable(own, levels),
      refusalTable(own, isReturning),
    ]
  })
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n')
  return [curves(report), list(verdicts(report)), ...tables, list(smallPrint(report))].join('\n\n')
}
