/** An estimate in words that promise no more than it knows. */
import type { EtaEstimate } from './eta-learner.ts'

/** A range that ends later says nothing that anybody could plan by. */
const worthMaxMin = 48 * 60
/** Nor does a middle that is so far away. */
const worthMedianMaxMin = 24 * 60
/** Before this it may as well be a moment's trouble. */
const worthFromMin = 1

type Span = Pick<EtaEstimate, 'elapsedMin' | 'lowMin' | 'medianMin' | 'highMin'>

/** Whether the numbers are worth being shown. */
export function isWorthSaying({ elapsedMin, highMin }: Span): boolean {
  return elapsedMin >= worthFromMin && highMin <= worthMaxMin
}

/** One sentence, or one that says that nothing honest can be said. */
export function etaWords(span: Span): string {
  const { elapsedMin, lowMin, medianMin, highMin } = span
  if (isWorthSaying(span)) {
    const [range, middle] = [between(lowMin, highMin), `about ${roughly(medianMin)}`]
    return range === middle ? `Probably ${range} more.` : `Probably ${range} more, most likely ${middle}.`
  }
  if (elapsedMin < worthFromMin) return 'It has only just begun: too early to say how long it will last.'
  return medianMin <= worthMedianMaxMin
    ? `Hard to say: half of what lasts this long is over within ${roughly(medianMin)} more, but it can go on for days.`
    : 'What has lasted this long may be over soon or go on for days: there is no honest estimate.'
}

/** `20 minutes to 3 hours`; the unit once where both have it. */
function between(lowMin: number, highMin: number): string {
  const [low, high] = [roughly(lowMin), roughly(highMin)]
  if (low === high) return `about ${high}`
  const [lowCount, lowUnit] = low.split(' ')
  const [, highUnit] = high.split(' ')
  return lowUnit?.replace(/s$/, '') === highUnit?.replace(/s$/, '') ? `${lowCount} to ${high}` : `${low} to ${high}`
}

/** Rounded as coarsely as the number deserves; the count may be a half. */
export function rounded(minutes: number): { readonly count: number; readonly unit: 'minute' | 'hour' | 'day' } {
  if (minutes < 10) return { count: Math.max(1, Math.round(minutes)), unit: 'minute' }
  if (minutes < 57.5) return { count: Math.round(minutes / 5) * 5, unit: 'minute' }
  if (minutes < 285) return { count: Math.round(minutes / 30) / 2, unit: 'hour' }
  if (minutes < 47.5 * 60) return { count: Math.round(minutes / 60), unit: 'hour' }
  return { count: Math.round(minutes / 1440), unit: 'day' }
}

/** In English: `1½ hours`. */
export function roughly(minutes: number): string {
  const { count, unit } = rounded(minutes)
  return `${countText(count)} ${unit}${count === 1 ? '' : 's'}`
}

/** `1½`. */
export function countText(count: number): string {
  const whole = Math.floor(count)
  return count === whole ? String(whole) : `${whole}½`
}
