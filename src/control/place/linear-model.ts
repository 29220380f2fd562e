/** A mixed-integer linear problem: minimise a sum over columns, within bounds of columns and rows. */

export interface Column {
  readonly cost: number
  readonly lower: number
  readonly upper: number
  readonly isInteger: boolean
}

export interface Row {
  readonly lower: number
  readonly upper: number
  readonly terms: readonly (readonly [column: number, factor: number])[]
}

export class LinearModel {
  readonly columns: Column[] = []
  readonly rows: Row[] = []
  /** Added to the sum. */
  constant = 0

  /** Returns its number. */
  addColumn(column: Column): number {
    return this.columns.push(column) - 1
  }

  addRow(row: Row): void {
    this.rows.push(row)
  }

  get termCount(): number {
    return this.rows.reduce((sum, { terms }) => sum + terms.length, 0)
  }
}

export interface LinearOutcome {
  readonly status: 'optimal' | 'infeasible' | 'stopped'
  /** By column; null where none was found. */
  readonly values: Float64Array | null
  /** No solution costs less. */
  readonly bound: number | null
}
