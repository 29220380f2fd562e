/** Badges: small pictures for other pages (SVG), and what shields.io needs to draw one in any style. */
import { element, escapeMarkup } from './markup.ts'
import { levelWords, type ShownLevel } from './view-words.ts'

const textLengthMax = 60
const padding = 6

interface Paint {
  readonly fill: string
  /** As shields.io calls it. */
  readonly name: string
}

/** Dark enough to be read with white letters on them. */
const paints: Readonly<Record<ShownLevel, Paint>> = {
  operational: { fill: '#1a7f37', name: 'brightgreen' },
  degraded_performance: { fill: '#8a6100', name: 'yellow' },
  partial_outage: { fill: '#b35000', name: 'orange' },
  major_outage: { fill: '#b42318', name: 'red' },
  under_maintenance: { fill: '#1f6feb', name: 'blue' },
}

export function badgeSvg(label: string, level: ShownLevel): string {
  const [left, right] = [short(label), levelWords[level]]
  const [leftWidth, rightWidth] = [widthOf(left) + 2 * padding, widthOf(right) + 2 * padding]
  const width = leftWidth + rightWidth
  const title = `${left}: ${right}`
  const text = (words: string, x: number, boxWidth: number): string => {
    const place = { x: String(x + boxWidth / 2), y: '14', textLength: String(boxWidth - 2 * padding) }
    return element('text', place, escapeMarkup(words))
  }
  const box = (x: number, boxWidth: number, fill: string): string =>
    element('rect', { x: String(x), width: String(boxWidth), height: '20', fill })
  const font = { fill: '#fff', 'text-anchor': 'middle', 'font-family': 'Verdana,DejaVu Sans,sans-serif' }
  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width: String(width), height: '20', role: 'img', 'aria-label': title },
    [
      element('title', {}, escapeMarkup(title)),
      element('clipPath', { id: 'r' }, element('rect', { width: String(width), height: '20', rx: '3' })),
      element(
        'g',
        { 'clip-path': 'url(#r)' },
        box(0, leftWidth, '#454545') + box(leftWidth, rightWidth, paints[level].fill),
      ),
      element('g', { ...font, 'font-size': '11' }, text(left, 0, leftWidth) + text(right, leftWidth, rightWidth)),
    ].join(''),
  )
}

/** @see https://shields.io/badges/endpoint-badge */
export function badgeJson(label: string, level: ShownLevel): object {
  return {
    schemaVersion: 1,
    label: short(label),
    message: levelWords[level],
    color: paints[level].name,
    isError: level === 'major_outage',
  }
}

function short(label: string): string {
  const letters = [...label.toWellFormed().replace(/\s+/g, ' ').trim()]
  return letters.length > textLengthMax ? `${letters.slice(0, textLengthMax - 1).join('')}…` : letters.join('')
}

/** About what 11 px of Verdana take; `textLength` makes the letters fit whatever the font is. */
function widthOf(text: string): number {
  return Math.round([...text].reduce((sum, letter) => sum + letterWidth(letter), 0))
}

function letterWidth(letter: string): number {
  if (/[il.,:;'|! ]/.test(letter)) return 4
  if (/[mwMW@%]/.test(letter)) return 10.5
  if (/[A-Z]/.test(letter)) return 8
  return (letter.codePointAt(0) ?? 0) < 0x1100 ? 7 : 12
}
