/** Why a call failed or was saved: cause, whose fault, evidence, what was done, what to do. */
import { html } from 'htm/preact'
import { percent } from './words.ts'

export interface Diagnosis {
  readonly cause: string
  readonly class: string | null
  readonly whose: string | null
  readonly confidence: number
  readonly sentence: string
  readonly evidence: readonly string[]
  readonly doubts: readonly string[]
  readonly runnerUp: { readonly cause: string; readonly confidence: number; readonly title: string } | null
  readonly actions: readonly string[]
  readonly cure: string
}

const whoseWords: Readonly<Record<string, string>> = {
  client: 'the caller’s',
  gateway: 'the gateway’s',
  network: 'the network’s',
  upstream: 'the model server’s',
  'third-party': 'the provider’s',
  operator: 'the operator’s',
}

export function Explanation({ diagnosis }: { diagnosis: Diagnosis }) {
  const { cause, class: group, whose, confidence, sentence, evidence, doubts, runnerUp, actions, cure } = diagnosis
  return html`<section class="card explanation" aria-labelledby="why">
    <h2 id="why">${sentence}.</h2>
    ${
      group &&
      html`<p class="tags">
        <span class="badge bad">${cause}</span> <span>${group}</span>
        ${whose && html`<span>whose fault: ${whoseWords[whose] ?? whose}</span>`}
        <span>${percent(Math.min(0.99, confidence))} sure</span>
      </p>`
    }
    ${list('Evidence', evidence)} ${list('Against it', doubts)} ${list('What Holdfast did', actions)}
    ${cure && html`<h3>What to do</h3><p>${withCode(cure)}</p>`}
    ${runnerUp && html`<p class="soft">Or else: ${runnerUp.title} (${runnerUp.cause}), ${percent(runnerUp.confidence)}.</p>`}
  </section>`
}

function list(title: string, entries: readonly string[]) {
  if (entries.length === 0) return null
  return html`<h3>${title}</h3><ul>${entries.map((each) => html`<li>${each}</li>`)}</ul>`
}

/** What stands between backticks is code. */
function withCode(text: string) {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`))
}
