/** What `holdfast place` prints: the plan, its cost by term, how each solver did, and what has to be moved. */
import type { Cost } from '../control/place/cost.ts'
import { gibibytes } from '../control/place/impossible.ts'
import type { Placement, Problem } from '../control/place/problem.ts'
import type { Attempt, Outcome } from '../control/place/solve.ts'
import { fit, shortTime } from './terminal-text.ts'

export interface Told {
  readonly problem: Problem
  readonly placement: Placement
  readonly cost: Cost
  readonly outcome: Outcome
}

interface Step {
  readonly replica: string
  /** null: it is to be started. */
  readonly from: string | null
  readonly to: string
}

const replicasWidth = 52
/** Moves that are told one by one. */
const stepsMax = 40
/** Costs that differ by less are alike. */
const tolerance = 1e-6

export function placeText(told: Told): string {
  const { problem } = told
  const parts = [head(problem), hostTable(told), costTable(told), solverTable(told), stepsText(told), lastWords(told)]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function head({ replicas, hosts, domains }: Problem): string {
  return `${many(replicas.length, 'replica')} on ${many(hosts.length, 'host')} in ${many(domains.length, 'failure domain')}`
}

function hostTable({ problem, placement }: Told): string {
  const { hosts, replicas } = problem
  const on: number[][] = hosts.map(() => [])
  placement.forEach((h, r) => on[h]?.push(r))
  const hasGpus = hosts.some(({ gpus }) => gpus > 0)
  const inUse = hosts.flatMap((host, h) => {
    const there = on[h] ?? []
    if (there.length === 0) return []
    const bytes = there.reduce((sum, r) => sum + (replicas[r]?.memoryBytes ?? 0), 0)
    const gpus = there.reduce((sum, r) => sum + (replicas[r]?.gpus ?? 0), 0)
    const names = there.map((r) => replicas[r]?.name ?? '')
    return [
      [
        host.name,
        host.domain,
        host.price.toFixed(2),
        `${bar(bytes / host.memoryBytes)} ${gibibytes(bytes).replace(' GiB', '')}/${gibibytes(host.memoryBytes)}`,
        ...(hasGpus ? [`${gpus}/${host.gpus}`] : []),
        listed(names),
      ],
    ]
  })
  const title = ['host', 'domain', 'price', 'memory', ...(hasGpus ? ['GPUs'] : []), 'replicas']
  const empty = hosts.flatMap(({ name }, h) => (on[h]?.length === 0 ? [name] : []))
  const rest = empty.length > 0 ? `\nempty: ${listed(empty)}` : ''
  return `${table(title, inUse, new Set([2]))}${rest}`
}

function bar(part: number): string {
  const full = Math.max(0, Math.min(8, Math.round(part * 8)))
  return `${'█'.repeat(full)}${'░'.repeat(8 - full)}`
}

/** As many as there is room for, and how many more there are. */
function listed(names: readonly string[]): string {
  let count = 0
  for (let width = 0; count < names.length; count++) {
    width += (names[count]?.length ?? 0) + 2
    if (width > replicasWidth) break
  }
  const more = names.length - count
  return `${names.slice(0, count).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function costTable({ problem, placement, cost, outcome }: Told): string {
  const used = new Set(placement).size
  const moved = stepsOf(problem, placement).filter(({ from }) => from !== null).length
  const standing = problem.present.filter((h) => h !== -1).length
  const rows = [
    ['hosts', money(cost.hosts), `${used} of ${problem.hosts.length} in use`],
    ['spread', money(cost.spread), 'pairs of one model in one failure domain'],
    ['affinity', money(cost.affinity), 'pairs apart that belong together, or together that do not'],
    ['moves', money(cost.moves), `${moved} of ${standing} leave their host`],
    ['total', money(cost.total), boundWords(cost, outcome)],
  ]
  return table(['cost', '', ''], rows, new Set([1]))
}

function boundWords({ total }: Cost, { bound, isOptimal }: Outcome): string {
  if (isOptimal) return 'proved: no plan costs less'
  const gap = bound > 0 ? `; this is at most ${percent(total / bound - 1)} above the optimum` : ''
  return `proved: no plan costs less than ${money(bound)}${gap}`
}

function solverTable({ cost, outcome }: Told): string {
  const { attempts, bound, isOptimal } = outcome
  const reference = isOptimal ? cost.total : bound
  const distance = (each: Attempt): string => {
    if (each.cost === null) return ''
    if (isOptimal && each.cost <= reference + tolerance) return 'optimum'
    return reference > 0 ? `+${percent(each.cost / reference - 1)}` : money(each.cost - reference)
  }
  const rows = attempts.map((each) => [
    each.solver,
    each.cost === null ? '–' : money(each.cost),
    distance(each),
    each.tookMs === 0 ? '–' : shortTime(each.tookMs),
    each.words,
  ])
  return table(['solver', 'cost', isOptimal ? 'above optimum' : 'above bound', 'time', ''], rows, new Set([1, 2, 3]))
}

function stepsText({ problem, placement }: Told): string {
  const steps = stepsOf(problem, placement)
  const text = (title: string, each: readonly Step[]): string[] => {
    if (each.length === 0) return []
    const rows = each
      .slice(0, stepsMax)
      .map(({ replica, from, to }) => `  ${from === null ? `${replica}: ${to}` : `${replica}: ${from} → ${to}`}`)
    const more = each.length > stepsMax ? [`  and ${each.length - stepsMax} more (--json tells all)`] : []
    return [title, ...rows, ...more]
  }
  const moves = text(
    'to be moved',
    steps.filter(({ from }) => from !== null),
  )
  const starts = text(
    'to be started',
    steps.filter(({ from }) => from === null),
  )
  return [...moves, ...(moves.length > 0 && starts.length > 0 ? [''] : []), ...starts].join('\n')
}

/** Replicas that are not yet where they are to be, in their order. */
function stepsOf({ replicas, hosts, present }: Problem, placement: Placement): Step[] {
  return replicas.flatMap(({ name, presentHost }, r) => {
    const h = placement[r] ?? -1
    return present[r] === h ? [] : [{ replica: name, from: presentHost, to: hosts[h]?.name ?? '' }]
  })
}

function lastWords({ outcome }: Told): string {
  const asked = outcome.attempts.some(({ solver }) => solver === 'qaoa')
  if (!asked) return ''
  return (
    'QAOA ran on a simulated quantum computer, which is no speed-up: to simulate it, the cost of every state is worked out\n' +
    'first, and whoever has those has the optimum. At any size that can be simulated `exact` is faster and certain; beyond\n' +
    'it `anneal` is what serves. It is here for comparison, and for --export-qubo and --export-qasm.'
  )
}

function table(title: readonly string[], rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const all = [title, ...rows]
  const widths = title.map((_, i) => Math.max(...all.map((row) => [...(row[i] ?? '')].length)))
  const cell = (text: string, i: number): string => {
    const width = widths[i] ?? 0
    return right.has(i) ? text.padStart(width) : fit(text, width)
  }
  return all
    .map((row) =>
      row
        .map((text, i) => cell(text, i))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const money = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`
const many = (count: number, one: string): string => `${count.toLocaleString('en-US')} ${one}${count === 1 ? '' : 's'}`

export function placeJson({ problem, placement, cost, outcome }: Told): object {
  const { attempts, bound, by, isOptimal } = outcome
  return {
    cost,
    by,
    isOptimal,
    bound,
    solvers: attempts,
    placement: Object.fromEntries(
      problem.replicas.map(({ name }, r) => [name, problem.hosts[placement[r] ?? -1]?.name]),
    ),
    steps: stepsOf(problem, placement),
  }
}
