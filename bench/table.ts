/** Turns the samples of a run into tables in Markdown: medians with quartiles, and ratios taken inside each round. */
import type { IdleSample, Sample } from './contender.ts'
import type { Question } from './question.ts'
import { median, quantile } from './statistics.ts'

type Pick = (sample: Sample) => number

const number = (value: number, digits = 0): string =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : '–'

const microseconds = (value: number): string => number(value, value < 100 ? 1 : 0)

/** Median and, in brackets, the quartiles of the rounds. */
function spread(values: readonly number[], format: (value: number) => string): string {
  const known = values.filter((value) => Number.isFinite(value))
  if (known.length === 0) return '–'
  if (known.length === 1) return format(median(known))
  return `${format(median(known))} (${format(quantile(known, 0.25))}–${format(quantile(known, 0.75))})`
}

/** How many times less the peer takes than the rival, round by round; below 1 it takes more. */
export function ratios(samples: readonly Sample[], peer: string, rival: string, pick: Pick): number[] {
  return samples
    .filter((sample) => sample.peer === peer)
    .flatMap((own) => {
      const other = samples.find((sample) => sample.peer === rival && sample.round === own.round)
      return other === undefined ? [] : [pick(other) / pick(own)]
    })
    .filter((value) => Number.isFinite(value))
}

/** What a peer adds to the direct way, round by round. */
function added(samples: readonly Sample[], peer: string, pick: Pick): number[] {
  return samples
    .filter((sample) => sample.peer === peer)
    .map((own) => {
      const base = samples.find((sample) => sample.peer === 'direct' && sample.round === own.round)
      return base === undefined ? Number.NaN : pick(own) - pick(base)
    })
}

/**
 * Above this share of late chunks a gateway is not following: it merges what has queued, and its CPU per chunk falls
 * for a bad reason.
 */
const lateShareMax = 0.05

/** The ratio of CPU; with a star where either side could not follow the load. */
function ratioText(samples: readonly Sample[], peer: string, rival: string): string {
  const values = ratios(samples, peer, rival, (sample) => sample.cpuUsPerUnit)
  const isLate = [peer, rival].some(
    (name) => lateShare(samples.filter((sample) => sample.peer === name)) > lateShareMax,
  )
  return (
    spread(values, (value) => `${number(value, value < 10 ? 2 : 1)}x`) + (isLate && values.length > 0 ? ' \\*' : '')
  )
}

const lateShare = (own: readonly Sample[]): number => median(own.map((sample) => sample.lateShare))

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n')
}

function wrong(own: readonly Sample[]): string {
  const wrongCount = own.reduce((sum, sample) => sum + sample.wrongCount, 0)
  const unfinishedCount = own.reduce((sum, sample) => sum + sample.unfinishedCount, 0)
  return number(wrongCount) + (unfinishedCount > 0 ? ` (+${number(unfinishedCount)} streams unfinished)` : '')
}

function cpuTable(question: Question, samples: readonly Sample[], peers: readonly string[]): string {
  const head = [
    'gateway',
    `CPU µs/${question.unit}`,
    `${question.unit}s/s per core of CPU`,
    `${question.unit}s/s by the wall`,
    'delay p50 µs',
    'delay p99 µs',
    ...(question.unit === 'chunk' ? ['late'] : []),
    'wrong',
    'vs nginx',
    'vs Portkey',
  ]
  const rows = peers.map((peer) => {
    const own = samples.filter((sample) => sample.peer === peer)
    const cpu = own.map((sample) => sample.cpuUsPerUnit)
    return [
      peer,
      spread(cpu, microseconds),
      number(1e6 / median(cpu)),
      number(median(own.map((sample) => sample.unitsPerSecond))),
      number(median(own.map((sample) => sample.p50Us))),
      spread(
        own.map((sample) => sample.p99Us),
        number,
      ),
      ...(question.unit === 'chunk' ? [`${number(lateShare(own) * 100, 1)} %`] : []),
      wrong(own),
      ratioText(samples, peer, 'nginx'),
      ratioText(samples, peer, 'portkey'),
    ]
  })
  return grid(head, rows)
}

function delayTable(question: Question, samples: readonly Sample[], peers: readonly string[]): string {
  const base = samples.filter((sample) => sample.peer === 'direct')
  const rows = peers
    .filter((peer) => peer !== 'direct')
    .map((peer) => {
      const own = samples.filter((sample) => sample.peer === peer)
      return [
        peer,
        spread(
          added(samples, peer, (sample) => sample.p50Us),
          microseconds,
        ),
        spread(
          added(samples, peer, (sample) => sample.p99Us),
          microseconds,
        ),
        spread(
          own.map((sample) => sample.cpuUsPerUnit),
          microseconds,
        ),
        wrong(own),
      ]
    })
  const direct = `direct: p50 ${number(median(base.map((s) => s.p50Us)))} µs, p99 ${number(median(base.map((s) => s.p99Us)))} µs`
  return `${grid(['gateway', '+p50 µs', '+p99 µs', `CPU µs/${question.unit}`, 'wrong'], rows)}\n\n${direct}`
}

/** One question's heading and table; empty without samples. */
export function questionTable(question: Question, all: readonly Sample[]): string {
  const samples = all.filter((sample) => sample.question === question.name)
  const peers = [...new Set(samples.toSorted((a, b) => a.round - b.round).map((sample) => sample.peer))]
  if (peers.length === 0) return ''
  const isDelay = question.name === 'latency' || question.name === 'ttft'
  return `### ${question.title}\n\n${(isDelay ? delayTable : cpuTable)(question, samples, peers)}\n`
}

export function idleTable(samples: readonly IdleSample[]): string {
  if (samples.length === 0) return ''
  const megabytes = (bytes: number): string => number(bytes / 2 ** 20)
  const rows = samples.map((sample) => [
    sample.peer,
    megabytes(sample.bytesAtStart),
    megabytes(sample.bytesBefore),
    megabytes(sample.bytesWith),
    number((sample.bytesWith - sample.bytesBefore) / sample.streamCount / 1024, 1),
    sample.letGoMs === null ? `never (${number(sample.leftOpenCount)} left open)` : `${number(sample.letGoMs)} ms`,
  ])
  const head = [
    'gateway',
    'MB at start',
    'with 1,000',
    'with 2,000',
    'KB per stream',
    'upstream let go after the readers left',
  ]
  return `### Idle streams, fresh process: memory of 1,000 and of 1,000 more, and what happens when the readers of these leave\n\n${grid(head, rows)}\n`
}
