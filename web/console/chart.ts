/** A curve over the last ten minutes (uPlot, wrapped), in the colours of the page. */
import { html } from 'htm/preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot/dist/uPlot.esm.js'

export interface Line {
  readonly label: string
  /** Name of a colour of the style sheet, as in `--accent`. */
  readonly color: string
  readonly values: readonly (number | null)[]
  readonly isFilled?: boolean
}

interface ChartProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string
  readonly atMs: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
}

const heightPx = 120

export function Chart({ label, atMs, lines, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data = [atMs.map((ms) => ms / 1000), ...lines.map(({ values }) => values)] as uPlot.AlignedData
  const names = lines.map((each) => each.label).join('|')
  useEffect(() => {
    const element = place.current
    if (!element) return
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsFor(element, lines, format), data, element)
    }
    draw()
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: heightPx }))
    resize.observe(element)
    const theme = matchMedia('(prefers-color-scheme: dark)')
    theme.addEventListener('change', draw)
    return () => {
      theme.removeEventListener('change', draw)
      resize.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [names])
  useEffect(() => plot.current?.setData(data), [atMs])
  return html`<div class="chart" ref=${place} role="img" aria-label=${label}></div>`
}

function optionsFor(element: HTMLElement, lines: readonly Line[], format: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: color('--soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 4, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 22,
        space: 90,
        grid: { show: false },
        values: (_, marks) => marks.map((at) => timeOf(at, (marks.at(-1) ?? 0) - (marks[0] ?? 0))),
      },
      { ...axis, size: 46, space: 34, values: (_, marks) => marks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label, color: name, isFilled }) => ({
        label,
        stroke: color(name),
        width: 1.5,
        points: { show: false },
        ...(isFilled && { fill: `${color(name)}26` }),
      })),
    ],
  }
}

/** With seconds where the curve is young. */
function timeOf(seconds: number, spanSeconds: number): string {
  const parts = { hour: '2-digit', minute: '2-digit', hour12: false } as const
  const isYoung = spanSeconds < 180
  return new Date(seconds * 1000).toLocaleTimeString([], isYoung ? { ...parts, second: '2-digit' } : parts)
}
