/** Incidents that go on: what the public is told of them, and what an operator can say. */
import { html } from 'htm/preact'
import { useState } from 'preact/hooks'
import type { Overview } from '../../src/cli/overview.ts'
import type { IncidentSeen } from '../../src/house/incident-seen.ts'
import { dateTime, duration, shortNumber } from './words.ts'

const tones = { none: '', minor: 'warn', major: 'warn', critical: 'bad' } as const
const levelWords = {
  operational: 'works',
  degraded_performance: 'degraded',
  partial_outage: 'partly out',
  major_outage: 'out',
} as const
const copiedMs = 2000

export function IncidentStrip({ now }: { now: Overview }) {
  // A gateway that runs since before an update does not tell them.
  const incidents = now.incidents ?? []
  if (incidents.length === 0) return null
  return html`<section class="incidents" aria-labelledby="incidents">
    <h2 id="incidents">Incidents</h2>
    ${incidents.map((each) => html`<${Incident} key=${each.id} incident=${each} now=${now} />`)}
  </section>`
}

function Incident({ incident, now }: { incident: IncidentSeen; now: Overview }) {
  const { title, stage, impact, beganMs, updatedMs, words, by, etaWords, components, calls, badCalls } = incident
  const { cause, hidden, url } = incident
  const facts = [
    `since ${dateTime(beganMs)} (${duration(Math.max(0, now.atMs - beganMs))})`,
    ...(calls > 0 ? [`${shortNumber(badCalls)} of ${shortNumber(calls)} calls`] : []),
  ]
  return html`<article class=${`card incident ${tones[impact]}`}>
    <h3>${title} <span class=${`badge ${tones[impact]}`}>${stage}</span>${hidden && html` <span class="badge">${hidden}</span>`}</h3>
    ${components.length > 0 && html`<p>${components.map(({ name, level }) => `${name} ${levelWords[level]}`).join(' · ')}</p>`}
    <p>${words === '' ? 'Nothing was said of it yet.' : html`<q>${words}</q>`} <span class="soft">${by === 'holdfast' ? '' : `${by}, `}${dateTime(updatedMs)}</span></p>
    ${cause && html`<p><span class="soft">Cause:</span> ${cause}</p>`}
    ${etaWords && html`<p>${etaWords}</p>`}
    <p class="soft">${facts.join(' · ')}${url && html` · <a href=${url} target="_blank" rel="noreferrer">public page</a>`}</p>
    <details>
      <summary>Say more, merge, silence</summary>
      <ul class="plain commands">
        ${commandsFor(incident, now).map((each) => html`<${CopyLine} key=${each.command} ...${each} />`)}
      </ul>
    </details>
  </article>`
}

interface Line {
  readonly what: string
  readonly command: string
}

/** This port only answers questions: what is said of incidents goes by the command, which works without it, too. */
function commandsFor({ id, hidden }: IncidentSeen, { incidents, stateDir }: Overview): Line[] {
  const run = (what: string, words: string): Line => ({
    what,
    command: `holdfast incident ${words} --state '${stateDir.replaceAll("'", "'\\''")}'`,
  })
  const other = incidents?.find((each) => each.id !== id)
  const isSilenced = hidden === 'silenced'
  return [
    run('Say more', `update ${id} --text "…"`),
    run('The cause is found', `update ${id} --stage identified --text "…"`),
    run('It is over', `update ${id} --stage resolved --text "…"`),
    run('Put a text right', `correct ${id} --number 1 --text "…"`),
    ...(other ? [run(`A part of “${other.title}”`, `merge ${id} ${other.id}`)] : []),
    isSilenced ? run('Show it again', `silence ${id} --off`) : run('Take it from the public page', `silence ${id}`),
    ...(isSilenced ? [] : [run('Show it later', `postpone ${id} --minutes 10`)]),
  ]
}

function CopyLine({ what, command }: Line) {
  const [isCopied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    // Where the browser does not let us, the line can be marked by hand.
    await navigator.clipboard?.writeText(command).then(
      () => setCopied(true),
      () => {},
    )
    setTimeout(() => setCopied(false), copiedMs)
  }
  return html`<li>
    <span>${what}</span><code>${command}</code>
    <button type="button" onClick=${copy} aria-label=${`Copy: ${what}`}>${isCopied ? 'copied' : 'copy'}</button>
  </li>`
}
