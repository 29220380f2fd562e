/** Curves as text, for those who would rather look than read. */

export interface Curve {
  readonly name: string
  /** One character. */
  readonly mark: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const width = 64
const height = 14

/** Curves over a common x, from 0 to the greatest x and y; where two meet, the later one is on top. */
export function plot(curves: readonly Curve[], title: string, xLabel: (x: number) => string): string {
  const all = curves.flatMap(({ points }) => points)
  const xMax = Math.max(...all.map(([x]) => x))
  const yMax = Math.max(...all.map(([, y]) => y), Number.MIN_VALUE)
  const grid = Array.from({ length: height + 1 }, () => new Array<string>(width + 1).fill(' '))
  const put = (x: number, y: number, mark: string): void => {
    const row = grid[height - Math.round((y / yMax) * height)]
    if (row !== undefined) row[Math.round((x / xMax) * width)] = mark
  }
  for (const { points } of curves) drawLine(points, xMax, put)
  for (const { points, mark } of curves) for (const [x, y] of points) put(x, y, mark)
  const scale = grid.map((_, i) => (i % 7 === 0 ? ((yMax * (height - i)) / height).toFixed(1) : '').padStart(6))
  const lines = grid.map((row, i) => `${scale[i]} ┤${row.join('')}`.trimEnd())
  const labels = new Array<string>(width + 6).fill(' ')
  for (const x of new Set(all.map(([at]) => at))) {
    const text = xLabel(x)
    labels.splice(Math.round((x / xMax) * width), text.length, ...text)
  }
  const legend = curves.map(({ name, mark }) => `${mark} ${name}`).join('   ')
  return [
    title,
    ...lines,
    `       └${'─'.repeat(width + 1)}`,
    `        ${labels.join('').trimEnd()}`,
    `        ${legend}`,
  ].join('\n')
}

/** Dots on the straight ways between the points. */
function drawLine(
  points: readonly (readonly [number, number])[],
  xMax: number,
  put: (x: number, y: number, mark: string) => void,
): void {
  for (const [i, [x1, y1]] of points.slice(1).entries()) {
    const [x0, y0] = points[i] ?? [x1, y1]
    const steps = Math.max(1, Math.round(((x1 - x0) / xMax) * width))
    for (let step = 0; step <= steps; step++) {
      const way = step / steps
      put(x0 + (x1 - x0) * way, y0 + (y1 - y0) * way, '·')
    }
  }
}
