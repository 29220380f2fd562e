/** Facts, one a line, each call with the way to its own page. */
import { html } from 'htm/preact'
import { type Told, toneOf } from './facts.ts'
import { rayHref } from './route.ts'
import { clockTime } from './words.ts'

interface FactListProps {
  readonly facts: readonly Told[]
  readonly label: string
  /** All are of one call, whose page this is. */
  readonly isOfOneRay?: boolean
}

export function FactList({ facts, label, isOfOneRay = false }: FactListProps) {
  return html`<ol class="facts-list" aria-label=${label}>
    ${facts.map(
      (fact) => html`<li key=${fact.id}>
        <time datetime=${isoTime(fact.atMs)} title=${isoTime(fact.atMs)}>${clockTime(fact.atMs)}</time>
        <span class=${`badge ${toneOf(fact)}`}>${fact.kind}</span>
        <span class="words">${fact.words}</span>
        ${fact.ray && !isOfOneRay && html`<a class="ray" href=${rayHref(fact.ray)}>${fact.ray}</a>`}
      </li>`,
    )}
  </ol>`
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
