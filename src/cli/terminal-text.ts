/** Text for a terminal: colours, columns, and curves of blocks. */
import { printable } from '../observe/fact-words.ts'

export type Color = 'red' | 'yellow' | 'green' | 'dim' | 'bold'

const codes: Readonly<Record<Color, number>> = { red: 31, yellow: 33, green: 32, dim: 2, bold: 1 }

export function paint(text: string, color: Color): string {
  return `\u001b[${codes[color]}m${text}\u001b[0m`
}

/** Exactly so wide; what others have named cannot move the cursor. */
export function fit(text: string, width: number): string {
  const letters = [...printable(text)]
  if (letters.length <= width) return letters.join('').padEnd(width)
  return width <= 0 ? '' : `${letters.slice(0, width - 1).join('')}…`
}

const blocks = '▁▂▃▄▅▆▇█'

/** The last values, one letter each, the highest as high as a line is. */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const shown = values.slice(-width)
  const top = Math.max(1, ...shown.map((value) => value ?? 0))
  const letter = (value: number | null): string =>
    value === null ? ' ' : (blocks[Math.min(blocks.length - 1, Math.floor((value / top) * blocks.length))] ?? ' ')
  return shown.map(letter).join('').padStart(width)
}

export function shortNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  if (value >= 10_000) return `${Math.round(value / 1000)}k`
  if (value >= 1000) return `${(value / 1000).toFixed(1)}k`
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1)
}

export function shortTime(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return `${(ms / 3_600_000).toFixed(1)} h`
}
