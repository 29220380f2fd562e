/**
 * HiGHS (MIT, University of Edinburgh; `highs` of npm is its WebAssembly), wrapped: the one file that loads it, and
 * only when it is asked. It holds up its thread while it solves, for as long as it was given and little more.
 */
import type { LinearModel, LinearOutcome, Row } from './linear-model.ts'

interface Options {
  readonly withinMs: number
  /** Values of some columns of a valid solution, by column: it begins there. */
  readonly start?: ReadonlyMap<number, number>
  /** Columns may have fractions: for a bound alone. */
  readonly isRelaxed?: boolean
}

export async function solveLinear(
  { columns, rows, constant }: LinearModel,
  { withinMs, start, isRelaxed = false }: Options,
): Promise<LinearOutcome> {
  const { default: load } = await import('highs')
  // Its types are those of its CommonJS edition, where the function is one `default` deeper.
  const highs = await (load as unknown as typeof load.default)()
  const { variableType, modelStatus } = highs.constants
  const typeOf = (isInteger: boolean) => (isInteger ? variableType.integer : variableType.continuous)
  const data = {
    numCols: columns.length,
    numRows: rows.length,
    offset: constant,
    colCost: columns.map(({ cost }) => cost),
    colLower: columns.map(({ lower }) => lower),
    colUpper: columns.map(({ upper }) => upper),
    rowLower: rows.map(({ lower }) => lower),
    rowUpper: rows.map(({ upper }) => upper),
    matrix: { format: 'csr' as const, numRows: rows.length, numCols: columns.length, ...packed(rows) },
    ...(isRelaxed ? {} : { integrality: columns.map(({ isInteger }) => typeOf(isInteger)) }),
  }
  return highs.withModel(data, (solver): LinearOutcome => {
    // Gaps as good as none: `optimal` is to mean just that. One seed: the same problem, the same answer.
    solver.options.set({
      output_flag: false,
      time_limit: withinMs / 1000,
      mip_rel_gap: 1e-9,
      mip_abs_gap: 1e-9,
      random_seed: 0,
    })
    if (start && !isRelaxed) solver.setSolution({ indices: [...start.keys()], values: [...start.values()] })
    solver.run()
    const code = solver.getModelStatus()
    const isInfeasible = code === modelStatus.infeasible || code === modelStatus.unboundedOrInfeasible
    if (isInfeasible) return { status: 'infeasible', values: null, bound: null }
    const isOptimal = code === modelStatus.optimal
    const { colValue, valuePresent } = solver.getSolution() as { colValue: Float64Array; valuePresent?: boolean }
    const hasValues = isOptimal || Number(solver.info.get('primal_solution_status')) === 2
    const dual = isRelaxed ? (isOptimal ? solver.getObjectiveValue() : null) : Number(solver.info.get('mip_dual_bound'))
    return {
      status: isOptimal ? 'optimal' : 'stopped',
      values: hasValues && valuePresent !== false ? colValue : null,
      bound: dual !== null && Number.isFinite(dual) ? dual : null,
    }
  })
}

/** Rows one behind the other. */
function packed(rows: readonly Row[]): { starts: Int32Array; indices: Int32Array; values: Float64Array } {
  const count = rows.reduce((sum, { terms }) => sum + terms.length, 0)
  const [starts, indices, values] = [new Int32Array(rows.length + 1), new Int32Array(count), new Float64Array(count)]
  let at = 0
  rows.forEach(({ terms }, i) => {
    for (const [column, factor] of terms) {
      indices[at] = column
      values[at++] = factor
    }
    starts[i + 1] = at
  })
  return { starts, indices, values }
}
