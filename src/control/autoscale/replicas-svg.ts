/** A drawing of what load needs and what each policy kept, as SVG. */
import type { PolicyOutcome } from './compare-policies.ts'

const [width, height, margin] = [1200, 420, 48]
/** Points a line; of more, each keeps its highest. */
const pointsMax = 1000
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#785ef0']

/** `needs` in replicas, by the minute. */
export function replicasSvg(needs: Float64Array, outcomes: readonly PolicyOutcome[]): string {
  const top = outcomes.reduce((most, { replicasMax }) => Math.max(most, replicasMax), highest(needs)) || 1
  const lines = outcomes.map(({ replicas }, index) => {
    const colour = colours[index % colours.length] ?? '#000'
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.2" points="${points(replicas, top)}"/>`
  })
  const words = ['replicas that the load needs', ...outcomes.map(({ policy }) => policy)]
  const legend = words.map((word, index) => {
    const colour = index === 0 ? '#999' : (colours[(index - 1) % colours.length] ?? '#000')
    return `<text x="${margin + index * 150}" y="20" fill="${colour}">${escape(word)}</text>`
  })
  const base = height - margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...legend,
    `<polyline fill="none" stroke="#999" stroke-width="1" points="${points(needs, top)}"/>`,
    ...lines,
    `<path d="M${margin} ${margin / 1.5}V${base}H${width - 10}" fill="none" stroke="#333"/>`,
    `<text x="6" y="${margin}">${Math.round(top)}</text><text x="6" y="${base}">0</text>`,
    `<text x="${width - 10}" y="${height - 16}" text-anchor="end">${needs.length} minutes</text>`,
    '</svg>\n',
  ].join('\n')
}

function points(values: Float64Array | Int32Array, top: number): string {
  const count = Math.min(pointsMax, values.length)
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * values.length) / count)
    const value = highest(values.subarray(from, Math.floor(((at + 1) * values.length) / count)))
    const x = margin + (at * (width - margin - 10)) / Math.max(1, count - 1)
    const y = height - margin - (value / top) * (height - 1.7 * margin)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  }).join(' ')
}

function highest(values: Float64Array | Int32Array): number {
  let most = 0
  for (const value of values) if (value > most) most = value
  return most
}

function escape(words: string): string {
  return words.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
