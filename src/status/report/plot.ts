/** Plots of the report as SVG in the page: light, without script, readable in print and without colour. */
import { printableHtml } from './printable-html.ts'
import type { CauseLine, DayLevel, DayLine, Report } from './report.ts'

const width = 680
const gap = 2
const labelWidth = 150

export const colors = {
  good: '#2e9e6b',
  degraded: '#e5b93c',
  partial: '#e8833a',
  major: '#c9354a',
  none: '#d9dde3',
} as const satisfies Record<DayLevel, string>

const levelWords: Readonly<Record<DayLevel, string>> = {
  none: 'not watched',
  good: 'no outage',
  degraded: 'degraded',
  partial: 'partial outage',
  major: 'major outage',
}

/** A row of days for each component. Outages are drawn higher than the rest, so that they show without colour. */
export function dayStrips(strips: Report['componentDays'], days: readonly DayLine[]): string {
  if (strips.length === 0 || days.length === 0) return ''
  const rowHeight = 30
  const step = (width - labelWidth) / days.length
  const rows = strips.map(({ name, levels }, row) => {
    const y = row * rowHeight
    const bars = levels.map((level, i) => {
      const height = level === 'none' ? 6 : level === 'good' ? 12 : level === 'degraded' ? 16 : 22
      const title = `<title>${days[i]?.day ?? ''}: ${levelWords[level]}</title>`
      return `<rect x="${fixed(labelWidth + i * step)}" y="${y + 24 - height}" width="${fixed(step - gap)}" height="${height}" fill="${colors[level]}">${title}</rect>`
    })
    return `<text x="0" y="${y + 20}">${printableHtml(cut(name, 20))}</text>${bars.join('')}`
  })
  return svg(strips.length * rowHeight + 4, 'How each component did, day by day', rows.join(''))
}

/** Minutes of an outage on each day; the part of the day that was not watched is marked below. */
export function outageColumns(days: readonly DayLine[]): string {
  const top = Math.max(5, ...days.map(({ partialMinutes, majorMinutes }) => partialMinutes + majorMinutes))
  const height = 120
  const step = (width - labelWidth) / Math.max(1, days.length)
  const scale = (minutes: number): number => (minutes / top) * height
  const columns = days.map(({ day, partialMinutes, majorMinutes, watchedMinutes, minutes }, i) => {
    const x = fixed(labelWidth + i * step)
    const w = fixed(step - gap)
    const [major, partial] = [scale(majorMinutes), scale(partialMinutes)]
    const missed = minutes === 0 ? 0 : Math.max(0, 1 - watchedMinutes / minutes)
    const title = `<title>${day}: ${majorMinutes} min major, ${partialMinutes} min partial, ${Math.max(0, minutes - watchedMinutes)} min not watched</title>`
    const label = i % 5 === 0 ? `<text x="${x}" y="${height + 32}">${Number(day.slice(8))}</text>` : ''
    return [
      `<g>${title}`,
      `<rect x="${x}" y="${fixed(10 + height - major)}" width="${w}" height="${fixed(major)}" fill="${colors.major}"/>`,
      `<rect x="${x}" y="${fixed(10 + height - major - partial)}" width="${w}" height="${fixed(partial)}" fill="${colors.partial}"/>`,
      `<rect x="${x}" y="${height + 12}" width="${w}" height="${fixed(6 * missed)}" fill="#8a93a0"/></g>`,
      label,
    ].join('')
  })
  const axis = [0, 0.5, 1].map((share) => {
    const y = fixed(10 + height - share * height)
    return `<line x1="${labelWidth}" x2="${width}" y1="${y}" y2="${y}" stroke="#e3e6ea"/><text x="${labelWidth - 8}" y="${y + 4}" text-anchor="end">${fixed(share * top)} min</text>`
  })
  return svg(height + 40, 'Minutes of an outage, day by day', axis.join('') + columns.join(''))
}

export function causeBars(causes: readonly CauseLine[]): string {
  const shown = causes.filter(({ minutes }) => minutes > 0).slice(0, 12)
  if (shown.length === 0) return ''
  const [rowHeight, nameWidth] = [24, 330]
  const top = Math.max(...shown.map(({ minutes }) => minutes))
  const rows = shown.map(({ title, minutes }, row) => {
    const y = row * rowHeight
    const w = fixed(((width - nameWidth - 70) * minutes) / top)
    return `<text x="0" y="${y + 16}">${printableHtml(cut(title, 48))}</text><rect x="${nameWidth}" y="${y + 4}" width="${w}" height="15" fill="${colors.major}"/><text x="${nameWidth + w + 6}" y="${y + 16}">${minutes} min</text>`
  })
  return svg(shown.length * rowHeight + 4, 'Minutes of an outage by cause', rows.join(''))
}

function svg(height: number, label: string, content: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${printableHtml(label)}">${content}</svg>`
}

const fixed = (number: number): number => Math.round(number * 100) / 100

function cut(text: string, max: number): string {
  const letters = [...text]
  return letters.length <= max ? text : `${letters.slice(0, max - 1).join('')}…`
}
