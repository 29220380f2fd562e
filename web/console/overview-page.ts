/** The first page: is it well, how much goes through, what fails, and where. */
import { html } from 'htm/preact'
import type { Overview } from '../../src/cli/overview.ts'
import { BudgetCard } from './budget-card.ts'
import { Chart, type Line } from './chart.ts'
import { FaultTable } from './fault-table.ts'
import { IncidentStrip } from './incident-strip.ts'
import { LatestTroubles } from './latest-troubles.ts'
import { curves, overview } from './state.ts'
import { UpstreamMap } from './upstream-map.ts'
import { duration, percent, shortNumber } from './words.ts'
import { WorkerTable } from './worker-table.ts'

const levelWords = { well: 'Well', impaired: 'Impaired', down: 'Down' } as const

export function OverviewPage() {
  const now = overview.value
  if (!now) return html`<h1>Overview</h1><p class="soft">Asking the gateway …</p>`
  return html`
    <h1 class="hidden">Overview</h1>
    <${VerdictBox} now=${now} />
    <${IncidentStrip} now=${now} />
    <section class="cards" aria-label="Traffic">${trafficCards(now)}</section>
    <div class="columns">
      <section aria-labelledby="upstreams"><h2 id="upstreams">Upstreams</h2><${UpstreamMap} now=${now} /></section>
      <section aria-labelledby="faults">
        <h2 id="faults">Faults of the last ${now.faultsSeconds / 60} minutes</h2><${FaultTable} now=${now} />
      </section>
    </div>
    <div class="columns">
      <section aria-labelledby="latest"><h2 id="latest">Latest troubles</h2><${LatestTroubles} /></section>
      <div>
        <section aria-labelledby="budget"><h2 id="budget">Error budget</h2><${BudgetCard} /></section>
        <section aria-labelledby="workers"><h2 id="workers">Workers</h2><${WorkerTable} now=${now} /></section>
      </div>
    </div>
  `
}

function VerdictBox({ now: { verdict } }: { now: Overview }) {
  return html`<div class=${`verdict ${verdict.level}`} role="status">
    <p><span class="badge">${levelWords[verdict.level]}</span> <strong>${verdict.sentence}</strong></p>
    ${
      verdict.troubles.length > 0 &&
      html`<ul>
        ${verdict.troubles.slice(0, 8).map((each) => html`<li>${each}</li>`)}
        ${verdict.troubles.length > 8 && html`<li>and ${verdict.troubles.length - 8} more</li>`}
      </ul>`
    }
  </div>`
}

interface CardProps {
  readonly title: string
  readonly value: string
  readonly detail: string
  readonly lines: readonly Line[]
  readonly format?: (value: number) => string
}

function Card({ title, value, detail, lines, format = shortNumber }: CardProps) {
  return html`<article class="card">
    <h2>${title}</h2>
    <p class="value">${value} <span class="soft">${detail}</span></p>
    <${Chart}
      label=${`${title}, the last ten minutes: now ${value}, ${detail}`}
      atMs=${curves.value?.atMs ?? []}
      lines=${lines}
      format=${format}
    />
    ${
      lines.length > 1 &&
      html`<p class="legend" aria-hidden="true">
        ${lines.map(({ label, color }) => html`<span><i style=${{ background: `var(${color})` }}></i>${label}</span>`)}
      </p>`
    }
  </article>`
}

function trafficCards(now: Overview) {
  const { lately, callsLive, waiting } = now
  const curve = curves.value
  const seconds = Math.max(1, lately.seconds)
  const calls = lately.calls / seconds
  const failing = lately.calls === 0 ? 0 : lately.failed / lately.calls
  const cards: CardProps[] = [
    {
      title: 'Calls a second',
      value: shortNumber(calls),
      detail: `${percent(failing, failing > 0 && failing < 0.1 ? 1 : 0)} fail · ${shortNumber(now.totals.retries)} tried again in all`,
      lines: [
        { label: 'calls', color: '--accent', values: curve?.calls ?? [], isFilled: true },
        { label: 'failed', color: '--bad', values: curve?.failed ?? [] },
      ],
    },
    {
      title: 'First token',
      value: duration(lately.firstTokenP50Ms),
      detail: `median · 95 % within ${duration(lately.firstTokenP95Ms)}`,
      lines: [
        { label: 'median', color: '--accent', values: curve?.firstTokenP50Ms ?? [], isFilled: true },
        { label: '95 %', color: '--warn', values: curve?.firstTokenP95Ms ?? [] },
      ],
      format: duration,
    },
    {
      title: 'Tokens a second',
      value: shortNumber(lately.outputTokens / seconds),
      detail: `${shortNumber(now.totals.outputTokens)} since the start`,
      lines: [{ label: 'tokens', color: '--accent', values: curve?.outputTokens ?? [], isFilled: true }],
    },
    {
      title: 'In hand',
      value: shortNumber(callsLive),
      detail: lineWords(now, waiting),
      lines: [
        { label: 'under way', color: '--accent', values: curve?.callsLive ?? [], isFilled: true },
        { label: 'in line', color: '--warn', values: curve?.waiting ?? [] },
      ],
    },
  ]
  return cards.map((card) => html`<${Card} key=${card.title} ...${card} />`)
}

function lineWords({ lines }: Overview, waiting: number): string {
  if (waiting === 0) return 'calls · nobody waits in line'
  const longest = lines.toSorted((a, b) => b.waiting - a.waiting)[0]
  return `calls · ${shortNumber(waiting)} in line${longest && lines.length > 1 ? `, most for ${longest.pool} (${longest.tier})` : ''}`
}
