/** What was promised, how it is kept, and what alerts go on. */
import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import { Budget } from './budget-card.ts'
import { type Alert, followReport, report, whyNoReport } from './report.ts'
import { dateTime } from './words.ts'

const tones = { info: '', warning: 'warn', critical: 'bad' } as const

export function AlertsPage() {
  useEffect(followReport, [])
  const told = report.value
  if (!told) return html`<h1>Objectives and alerts</h1><p class="card soft">${whyNoReport.value || 'Asking …'}</p>`
  const { objectives, alerts, muted = [], receivers } = told
  return html`
    <h1>Objectives and alerts</h1>
    <section aria-labelledby="alerts">
      <h2 id="alerts">Alerts</h2>
      ${alerts.length === 0 ? html`<p class="card calm">None goes on.</p>` : alerts.map((each) => html`<${AlertCard} alert=${each} />`)}
      ${muted.map(
        ({
          name,
          severity,
          labels,
          summary,
          window,
          until,
        }) => html`<article class="card alert" key=${`${name}${JSON.stringify(labels)}`}>
          <h3>${name} <span class="badge">kept still</span></h3>
          <p>${summary}</p>
          <p class="soft">${`${severity} · planned maintenance “${window}” until ${dateTime(Date.parse(until))}: nobody is told before`}</p>
        </article>`,
      )}
    </section>
    <section aria-labelledby="objectives">
      <h2 id="objectives">Objectives</h2>
      ${objectives.length === 0 && html`<p class="card soft">The configuration names none.</p>`}
      <div class="cards">
        ${objectives.map((each) => html`<div class="card" key=${each.name}><${Budget} objective=${each} /><p class="soft">${each.sli} · ${each.good + each.bad} counted, ${each.bad} bad</p></div>`)}
      </div>
    </section>
    <section aria-labelledby="receivers">
      <h2 id="receivers">Receivers</h2>
      ${receivers.length === 0 && html`<p class="card soft">Nobody is told of alerts: the configuration names no receiver.</p>`}
      <ul class="plain">
        ${receivers.map(
          ({ name, trouble }) => html`<li key=${name} class="card">
            <strong>${name}</strong> <span class=${`badge ${trouble === null ? 'good' : 'bad'}`}>${trouble === null ? 'well' : 'cannot be told'}</span>
            ${trouble && html`<p class="reason">${trouble}</p>`}
          </li>`,
        )}
      </ul>
    </section>
  `
}

function AlertCard({ alert: { name, severity, labels, summary, cure, since, isFlapping } }: { alert: Alert }) {
  const about = Object.entries(labels).map(([label, value]) => `${label} ${value}`)
  return html`<article class="card alert">
    <h3>${name} <span class=${`badge ${tones[severity]}`}>${severity}</span></h3>
    <p>${summary}</p>
    ${cure && html`<p><strong>What to do:</strong> ${cure}</p>`}
    <p class="soft">${[...about, since === null ? '' : `since ${dateTime(Date.parse(since))}`, isFlapping ? 'comes and goes' : ''].filter((each) => each !== '').join(' · ')}</p>
  </article>`
}
