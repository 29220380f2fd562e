/** How long the first token took: two curves, and the same as a table. */
import type { StatusView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { type PageScene, timeTag } from './page-scene.ts'

type Point = StatusView['responseTimes'][number]

const width = 600
const height = 100
const pointsMax = 120
const rowsMax = 12

export function responsePlot(scene: PageScene): Html {
  const { words, time, view } = scene
  const points = thin(view.responseTimes.filter(isWhole), pointsMax)
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || first.atMs >= last.atMs) return html``
  const top = niceTop(Math.max(...points.map(({ p95Ms }) => p95Ms)))
  const ticks = [top, top / 2, 0]
  const seconds = (ms: number): string => words.seconds(time.number(ms / 1000))
  const path = (of: (point: Point) => number): string =>
    points
      .map((point, i) => {
        const x = (width * (point.atMs - first.atMs)) / (last.atMs - first.atMs)
        return `${i === 0 ? 'M' : 'L'}${Math.round(x)} ${Math.round(height - (height * of(point)) / top)}`
      })
      .join('')
  const curve = (name: string, of: (point: Point) => number): Html => html`<path class="${name}" d="${path(of)}"/>`
  return html`<section aria-labelledby="h-times"><h2 id="h-times">${words.responseTimes}</h2>
<div class="card"><p class="legend"><span class="median">${words.median}</span> <span class="p95">${words.p95}</span></p>
<div class="plot"><div class="ticks" aria-hidden="true">${ticks.map((ms) => html`<span>${seconds(ms)}</span>`)}</div>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${words.plotAlt(seconds(last.medianMs), seconds(last.p95Ms))}"><path class="grid" d="M0 0h${width}M0 ${height / 2}h${width}M0 ${height}h${width}"/>${curve('p95', ({ p95Ms }) => p95Ms)}${curve('median', ({ medianMs }) => medianMs)}</svg></div>
<p class="scale">${[first, last].map(({ atMs }) => html`<span>${timeTag(atMs, time.full(atMs))}</span>`)}</p>
${table(scene, thin(points, rowsMax), seconds)}</div></section>
`
}

function table({ words, time }: PageScene, points: readonly Point[], seconds: (ms: number) => string): Html {
  const rows = points.toReversed().map(
    ({
      atMs,
      medianMs,
      p95Ms,
    }) => html`<tr><th scope="row">${time.full(atMs)}<td>${seconds(medianMs)}<td>${seconds(p95Ms)}
`,
  )
  return html`<details id="times"><summary>${words.plotTable}</summary><table><thead><tr><th scope="col">${words.time}<th scope="col">${words.medianTerm}<th scope="col">${words.p95Term}<tbody>${rows}</table></details>`
}

const isWhole = ({ atMs, medianMs, p95Ms }: Point): boolean =>
  [atMs, medianMs, p95Ms].every((each) => each >= 0 && each < 1e15)

/** Of neighbours one, the slowest, so that no peak is lost; the last is the newest. */
export function thin(points: readonly Point[], countMax: number): Point[] {
  if (points.length <= countMax) return [...points]
  const size = points.length / countMax
  return Array.from({ length: countMax }, (_, i) => {
    const group = points.slice(Math.floor(i * size), Math.floor((i + 1) * size))
    return group.reduce((a, b) => (b.p95Ms > a.p95Ms ? b : a), group[0] as Point)
  })
}

/** The next of 1, 2, 4, 5, 8 and 10 times a power of ten, of seconds; whose half is round, too. */
export function niceTop(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(ms, 1)))
  return power * ([1, 2, 4, 5, 8].find((step) => ms <= step * power) ?? 10)
}
