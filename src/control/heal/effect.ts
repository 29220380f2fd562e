/**
 * What came of a remedy: the deployment's share of failed calls before and after it, compared as two proportions, and
 * whether the ailment came back. A remedy that does nothing, or makes it worse, time after time is not used any more.
 */

export interface Counts {
  readonly ended: number
  readonly failed: number
}

export type Effect = 'worked' | 'nothing' | 'worse'

/** Of the two-proportion z: once in a thousand by chance. */
const zMax = 3.1
/** With fewer calls the shares say nothing. */
const endedMin = 20

export function effectOf(before: Counts, after: Counts, isBack: boolean): Effect {
  const z = rise(before, after)
  if (z !== null && z > zMax) return 'worse'
  return isBack ? 'nothing' : 'worked'
}

/** By how many standard deviations the share has risen; null for too few calls. */
export function rise(before: Counts, after: Counts): number | null {
  if (before.ended < endedMin || after.ended < endedMin) return null
  const pooled = (before.failed + after.failed) / (before.ended + after.ended)
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / before.ended + 1 / after.ended))
  return deviation === 0 ? 0 : (after.failed / after.ended - before.failed / before.ended) / deviation
}
