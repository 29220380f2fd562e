/** The page of one call: why it failed or how it was saved, how it went, and everything the record has of it. */
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { CallFact } from '../../src/observe/fact.ts'
import { ask, Refused } from './ask.ts'
import { Explanation, type Diagnosis } from './explanation.ts'
import { FactList } from './fact-list.ts'
import { askFacts, type Told } from './facts.ts'
import { route } from './route.ts'
import { poll } from './state.ts'
import { Waterfall } from './waterfall.ts'
import { dateTime, duration } from './words.ts'

/** A call that is under way, or was just settled, is in the record a moment later. */
const periodMs = 3000

export function RayPage() {
  const ray = route.value.subject
  const [facts, setFacts] = useState<readonly Told[] | null>(null)
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null)
  const [why, setWhy] = useState('')
  const call = facts?.find((fact): fact is CallFact & Told => fact.kind === 'call') ?? null
  const look = async (): Promise<void> => {
    try {
      const [found, explained] = await Promise.all([askFacts({ ray }), explain(ray)])
      setFacts(found.facts)
      setDiagnosis(explained)
      setWhy('')
    } catch (error) {
      setWhy(String(error))
    }
  }
  useEffect(() => poll(periodMs, look), [ray])
  return html`
    <h1>Ray <code>${ray}</code></h1>
    ${why && html`<p class="notice bad" role="alert">${why}</p>`}
    ${facts && !call && facts.length === 0 && html`<${Unknown} />`}
    ${diagnosis && diagnosis.cause !== 'unrecorded' && html`<${Explanation} diagnosis=${diagnosis} />`}
    ${call && html`<${CallTable} call=${call} />`}
    ${call && html`<section aria-labelledby="way"><h2 id="way">How it went</h2><${Waterfall} call=${call} facts=${facts ?? []} /></section>`}
    ${
      facts &&
      facts.length > 0 &&
      html`<section aria-labelledby="record"><h2 id="record">In the record</h2><div class="card"><${FactList} facts=${facts} label="Facts of this ray" isOfOneRay /></div></section>`
    }
  `
}

/** Null where nobody explains. */
async function explain(ray: string): Promise<Diagnosis | null> {
  try {
    return await ask<Diagnosis>(`/explain/${encodeURIComponent(ray)}`)
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null
    throw error
  }
}

function CallTable({ call }: { call: CallFact & Told }) {
  const rows: readonly (readonly [string, unknown])[] = [
    [
      'Outcome',
      html`<span class=${`badge ${call.outcome === 'failed' ? 'bad' : call.isEventful ? 'warn' : 'good'}`}>${call.outcome}</span> status ${call.status}${call.code && html` <code>${call.code}</code>`}`,
    ],
    ['Call', `${call.route} · ${call.model || 'no model'}${call.isStream ? ' · streamed' : ''}`],
    ['Caller', call.caller || 'without a key'],
    ['Settled', dateTime(call.atMs)],
    [
      'Duration',
      `${duration(call.durationMs)}${call.firstTokenMs === null ? '' : `, first token after ${duration(call.firstTokenMs)}`}`,
    ],
    ['Tokens', `${call.inputTokens ?? '–'} in, ${call.outputTokens ?? '–'} out · ${call.eventCount} events`],
    ...(call.detail ? ([['Detail', call.detail]] as const) : []),
  ]
  return html`<section aria-labelledby="call"><h2 id="call">The call</h2>
    <dl class="card facts wide">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
  </section>`
}

function Unknown() {
  return html`<div class="card">
    <p><strong>The record has nothing of this ray.</strong> That may be for one of these reasons:</p>
    <ul>
      <li>it is mistyped, or of another gateway: the last part of a ray is its site</li>
      <li>nothing happened to it: of uneventful calls only some are kept (<code>record.uneventfulPerSecond</code>)</li>
      <li>it is older than facts are kept (<code>record.keepMs</code>)</li>
      <li>it is not over yet: this page looks again every few seconds</li>
    </ul>
  </div>`
}
