/** Plays scenarios side by side, and draws the table. */
import { type Judgement, type Verdict, verdicts, worst } from './judge.ts'
import { gatewayScenarios } from './scenario-gateway.ts'
import { providerScenarios } from './scenario-provider.ts'
import type { Bench, Scenario, Trial } from './scenario.ts'
import { openHoldfast, type OpenSubject, Stage } from './stage.ts'

export const scenarios: readonly Scenario[] = [...providerScenarios, ...gatewayScenarios]

export interface Row {
  readonly name: string
  readonly title: string
  readonly needs: string
  readonly verdict: Verdict
  readonly why: string
  readonly trials: readonly Trial[]
}

export interface TableOptions {
  /** Names of scenarios; left out, all. */
  readonly only?: readonly string[]
  /** Long waits are divided by this; 1 for full length. */
  readonly factor: number
  /** No single call is waited for longer, milliseconds; left out, as long as its scenario says. */
  readonly patienceMsMax?: number
  /** Scenarios at once. */
  readonly atOnceMax: number
  /** What is tried; left out, the gateway of this repository. */
  readonly open?: OpenSubject
  /** Told whenever a row is there. */
  readonly onRow?: (row: Row, doneCount: number, allCount: number) => void
}

/** No scenario may take longer than this, in full length, milliseconds. */
const scenarioMsMax = 240_000

export async function playAll(options: TableOptions): Promise<readonly Row[]> {
  const {
    only,
    factor,
    patienceMsMax = Number.POSITIVE_INFINITY,
    atOnceMax,
    open = openHoldfast,
    onRow = () => {},
  } = options
  const wanted = scenarios.filter(({ name }) => only === undefined || only.includes(name))
  const bench: Bench = { factor, open: (setup) => Stage.open(setup, open, patienceMsMax) }
  const rows: Row[] = []
  // Those that wait longest begin first.
  const waiting = wanted.toSorted((a, b) => Number(b.isScaled) - Number(a.isScaled))
  const [alone, together] = [waiting.filter(({ isAlone }) => isAlone), waiting.filter(({ isAlone }) => !isAlone)]
  const play = async (from: Scenario[]): Promise<void> => {
    for (let next = from.shift(); next; next = from.shift()) {
      const row = await playOne(next, bench)
      rows.push(row)
      onRow(row, rows.length, wanted.length)
    }
  }
  await Promise.all(Array.from({ length: atOnceMax }, () => play(together)))
  await play(alone)
  return rows.toSorted((a, b) => a.name.localeCompare(b.name))
}

async function playOne(scenario: Scenario, bench: Bench): Promise<Row> {
  const { name, title, needs } = scenario
  let trials: readonly Trial[] = []
  let judgement: Judgement
  let late: NodeJS.Timeout | undefined
  try {
    const limit = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new Error('the scenario did not come to an end')), scenarioMsMax)
    })
    trials = await Promise.race([scenario.play(bench), limit])
    judgement = worst(
      trials.map(({ form, judgement: { verdict, why } }) => ({ verdict, why: why && `${form}: ${why}` })),
    )
  } catch (error) {
    judgement = {
      verdict: 'fail',
      why: `could not be played: ${(error as Error).message.trim().replaceAll(/\s+/g, ' ')}`,
    }
  } finally {
    clearTimeout(late)
  }
  return { name, title, needs, ...judgement, trials }
}

export function countVerdicts(rows: readonly Row[]): Record<Verdict, number> {
  const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length
  return { pass: count('pass'), partial: count('partial'), safe: count('safe'), fail: count('fail') }
}

const head = ['scenario', 'what happens', 'verdict', 'seconds', 'attempts', 'why not']

/** As a Markdown table; seconds and attempts (on the primary + on the fallback) are the largest of all forms. */
export function drawTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.name, row.title, row.verdict, secondsOf(row), attemptsOf(row), row.why])
  const widths = head.map((word, i) => Math.max(word.length, ...cells.map((line) => [...(line[i] ?? '')].length)))
  const draw = (line: readonly string[]): string =>
    `| ${line.map((cell, i) => cell.padEnd(i === line.length - 1 ? 0 : (widths[i] ?? 0))).join(' | ')} |`.replace(
      '|  |',
      '| |',
    )
  const rule = `| ${widths.map((width, i) => '-'.repeat(i === widths.length - 1 ? 7 : width)).join(' | ')} |`
  const counts = countVerdicts(rows)
  const sums = verdicts.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ')
  return [draw(head), rule, ...cells.map(draw), '', `${rows.length} scenarios: ${sums}.`].join('\n')
}

function secondsOf({ trials }: Row): string {
  return (Math.max(0, ...trials.map(({ durationMs }) => durationMs)) / 1000).toFixed(1)
}

function attemptsOf({ trials }: Row): string {
  const most = trials.toSorted((a, b) => b.primaryCount + b.fallbackCount - a.primaryCount - a.fallbackCount)[0]
  return most ? `${most.primaryCount} + ${most.fallbackCount}` : ''
}
