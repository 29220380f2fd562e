/** The live tail of the record, with filters that stand in the address. */
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import { FactList } from './fact-list.ts'
import { askFacts, type FactPage, isTrouble, type Told, usualKinds } from './facts.ts'
import { route } from './route.ts'
import { overview, poll } from './state.ts'

const periodMs = 1000
const pageMax = 100
const kinds = [...usualKinds, 'limit', 'load', 'line', 'resource', 'sum', 'visits'] as const

export function LivePage() {
  const { query } = route.value
  const [page, setPage] = useState<FactPage | null>(null)
  const [isPaused, setPaused] = useState(false)
  const [why, setWhy] = useState('')
  const asked = askedBy(query)
  const look = async (cursor?: number): Promise<void> => {
    try {
      const found = await askFacts({ ...asked, ...(cursor !== undefined && { cursor: String(cursor) }) })
      setPage((before) =>
        cursor !== undefined && before ? { ...found, facts: [...before.facts, ...found.facts] } : found,
      )
      setWhy('')
    } catch (error) {
      setWhy(String(error))
    }
  }
  useEffect(() => (isPaused ? undefined : poll(periodMs, look)), [isPaused, JSON.stringify(asked)])
  const older = (): void => {
    setPaused(true)
    if (page?.next) void look(page.next)
  }
  const facts = (page?.facts ?? []).filter((fact) => fits(fact, query))
  return html`
    <h1>Live</h1>
    <${Filters} query=${query} />
    <p class="tools">
      <button aria-pressed=${isPaused} onClick=${() => setPaused(!isPaused)}>${isPaused ? 'Go on' : 'Pause'}</button>
      <span class="soft" role="status">${facts.length} of the newest ${page?.facts.length ?? 0} facts${isPaused ? ', paused' : ''}</span>
    </p>
    ${why && html`<p class="notice bad" role="alert">${why}</p>`}
    ${facts.length > 0 ? html`<div class="card"><${FactList} facts=${facts} label="Facts, newest first" /></div>` : html`<p class="card calm">Nothing that fits these filters.</p>`}
    ${page?.next && html`<p class="tools"><button onClick=${older}>Older</button></p>`}
  `
}

/** What the record can look for itself; the rest is done here. */
function askedBy(query: URLSearchParams): Record<string, string> {
  const [upstream, code] = [query.get('upstream'), query.get('code')]
  return {
    kind: query.get('kind') || usualKinds.join(','),
    limit: String(pageMax),
    ...(upstream && { upstream }),
    ...(code && { code }),
    ...(query.get('only') === 'troubles' && { eventful: '' }),
  }
}

function fits(fact: Told, query: URLSearchParams): boolean {
  if (query.get('only') === 'troubles' && !isTrouble(fact)) return false
  const text = query.get('text')?.toLowerCase() ?? ''
  return text === '' || `${fact.words} ${fact.ray ?? ''}`.toLowerCase().includes(text)
}

function Filters({ query }: { query: URLSearchParams }) {
  const now = overview.value
  const upstreams = now?.upstreams.map(({ name }) => name) ?? []
  const codes = now?.faults.map(({ code }) => code) ?? []
  const select = (name: string, title: string, values: readonly string[]) => {
    const chosen = query.get(name) ?? ''
    const all = chosen === '' || values.includes(chosen) ? values : [chosen, ...values]
    return html`<label>${title}
      <select name=${name} value=${chosen}>
        <option value="">all</option>
        ${all.map((value) => html`<option value=${value} selected=${value === chosen}>${value}</option>`)}
      </select>
    </label>`
  }
  return html`<form class="filters" aria-label="Filters" onChange=${apply} onInput=${apply} onSubmit=${apply}>
    ${select('kind', 'Kind', kinds)} ${select('upstream', 'Upstream', upstreams)} ${select('code', 'Fault', codes)}
    <label>Text <input name="text" type="search" value=${query.get('text') ?? ''} spellcheck="false" /></label>
    <label class="check"><input name="only" type="checkbox" value="troubles" checked=${query.get('only') === 'troubles'} /> Only troubles</label>
  </form>`
}

function apply(event: Event): void {
  event.preventDefault()
  const form = new FormData(event.currentTarget as HTMLFormElement)
  const chosen = [...form].filter((each): each is [string, string] => typeof each[1] === 'string' && each[1] !== '')
  // The address changes without a step to go back to for each letter.
  history.replaceState(null, '', `#/live?${new URLSearchParams(chosen).toString()}`)
  dispatchEvent(new HashChangeEvent('hashchange'))
}
