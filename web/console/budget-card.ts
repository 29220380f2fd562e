/** How much of each error budget is left. */
import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { Score } from '../../src/objective/scoreboard.ts'
import { followReport, report, whyNoReport } from './report.ts'
import { duration, percent } from './words.ts'

export function BudgetCard() {
  useEffect(followReport, [])
  const told = report.value
  if (!told) return html`<p class="card soft">${whyNoReport.value || 'Asking …'}</p>`
  if (told.objectives.length === 0) return html`<p class="card soft">The configuration names no objectives.</p>`
  return html`<div class="card">${told.objectives.map((each) => html`<${Budget} key=${each.name} objective=${each} />`)}</div>`
}

export function Budget({ objective }: { objective: Score }) {
  const { name, reached, target, leftShare, burn, goneInMs, windowDays } = objective
  const left = Math.max(0, Math.min(1, leftShare))
  const tone = leftShare <= 0 ? 'bad' : burn > 1 ? 'warn' : 'good'
  const digits = Math.min(3, Math.max(0, Math.ceil(-Math.log10(1 - target)) - 1))
  return html`<div class="budget">
    <p><strong>${name}</strong> <span class=${`badge ${tone}`}>${leftShare <= 0 ? 'used up' : `${percent(leftShare)} left`}</span></p>
    <div class=${`bar ${tone}`} aria-hidden="true"><i style=${{ width: `${(100 * left).toFixed(1)}%` }}></i></div>
    <p class="soft">
      ${reached === null ? 'No calls yet' : `${percent(reached, digits + 1)} were good`}, the aim is${' '}
      ${percent(target, digits)} in ${windowDays} days${burnWords(burn, goneInMs)}
    </p>
  </div>`
}

/** At 1× the budget is used up at the end of its days exactly. */
function burnWords(burn: number, goneInMs: number | null): string {
  if (burn === 0) return ''
  return ` · burns ${burn.toFixed(1)}×${goneInMs === null || goneInMs === 0 ? '' : `, gone in ${duration(goneInMs)}`}`
}
