/** What outages cost by the operator's own figures, and how that is reckoned, in words. Pure. */
import type { CostLine, CreditLine, Standing } from './report.ts'
import type { CostOptions, SlaOptions } from './report-options.ts'

interface Harm {
  readonly outageMinutes: number
  readonly house: Standing
  readonly credits: readonly CreditLine[]
}

/** Lines that cost nothing are left out. */
export function costLines(options: CostOptions, { outageMinutes, house, credits }: Harm): CostLine[] {
  const { perMinute, perFailedCall, perFailedPremiumCall = perFailedCall } = options
  const premium = Math.min(
    house.failed,
    credits.reduce((sum, { standing }) => sum + standing.failed, 0),
  )
  const owed = credits.flatMap(({ key, amount, fee, creditPercent }) =>
    amount === null || amount === 0
      ? []
      : [{ words: `credit to ${key}: ${creditPercent} % of ${fee}`, count: 1, price: amount, amount }],
  )
  return [
    line('minutes of an outage', outageMinutes, perMinute),
    line('failed calls of premium keys', premium, perFailedPremiumCall),
    line('other failed calls', house.failed - premium, perFailedCall),
    ...owed,
  ].filter(({ amount }) => amount > 0)
}

function line(words: string, count: number, price: number): CostLine {
  return { words, count, price, amount: count * price }
}

export function formulas({ measure, ladder }: SlaOptions, costs: CostOptions): string[] {
  const uptime =
    measure === 'minutes'
      ? 'Uptime = 1 − minutes with a partial or major outage ÷ (minutes watched − minutes of planned maintenance).'
      : 'Uptime = 1 − calls that failed through no fault of their caller ÷ calls.'
  const steps = ladder
    .toSorted((a, b) => b.below - a.below)
    .map(({ below, credit }) => `below ${below} %: ${credit} %`)
    .join(', ')
  const { perMinute, perFailedCall, perFailedPremiumCall = perFailedCall, currency } = costs
  const hasCosts = perMinute + perFailedCall + perFailedPremiumCall > 0
  return [
    uptime,
    'Error budget = what the target allows; minutes of an outage, or failed calls, use it up.',
    steps === ''
      ? 'No credits are promised (`status.sla.ladder` is empty).'
      : `Credit = share of the month’s fee by the key’s uptime: ${steps}.`,
    hasCosts
      ? `Cost = minutes of an outage × ${perMinute} + failed calls of premium keys × ${perFailedPremiumCall} + other failed calls × ${perFailedCall} + credits, in ${currency}.`
      : 'No costs are estimated beyond credits (`status.costs` says nothing).',
  ]
}
