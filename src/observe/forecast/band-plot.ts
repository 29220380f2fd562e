/** History, forecast and band in a terminal. */
export interface BandPoint {
  /** NaN where there was none, or it is to come. */
  readonly load: number
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface PlotSize {
  readonly columns: number
  readonly rows: number
}

/** Rows of text, the greatest load on top; several points share a column by their means. */
export function bandPlot(points: readonly BandPoint[], { columns, rows }: PlotSize): string {
  const width = Math.min(columns, points.length)
  if (width === 0) return ''
  const shown = Array.from({ length: width }, (_, column) => meanOf(points, column, width))
  const all = shown.flatMap(({ load, high }) => [load, high]).filter((value) => Number.isFinite(value))
  const top = Math.max(...all, 0) || 1
  const rowOf = (value: number): number => Math.round((value / top) * (rows - 1))
  const lines: string[] = []
  for (let row = rows - 1; row >= 0; row--) {
    const label = row === rows - 1 || row === 0 ? short(row === 0 ? 0 : top) : ''
    lines.push(`${label.padStart(8)} ${shown.map((point) => signOf(point, row, rowOf)).join('')}`.trimEnd())
  }
  return lines.join('\n')
}

function signOf({ load, value, low, high }: BandPoint, row: number, rowOf: (value: number) => number): string {
  if (rowOf(load) === row) return '●'
  if (rowOf(value) === row) return '─'
  return row >= rowOf(low) && row <= rowOf(high) ? '░' : ' '
}

function meanOf(points: readonly BandPoint[], column: number, width: number): BandPoint {
  const from = Math.floor((column * points.length) / width)
  const part = points.slice(from, Math.max(from + 1, Math.floor(((column + 1) * points.length) / width)))
  const mean = (pick: (point: BandPoint) => number): number => {
    const known = part.map(pick).filter((each) => !Number.isNaN(each))
    return known.reduce((sum, each) => sum + each, 0) / known.length
  }
  return { load: mean((p) => p.load), value: mean((p) => p.value), low: mean((p) => p.low), high: mean((p) => p.high) }
}

function short(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
