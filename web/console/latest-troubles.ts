/** What went wrong last, or was saved. */
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import { FactList } from './fact-list.ts'
import { askFacts, isTrouble, type Told, usualKinds } from './facts.ts'
import { poll } from './state.ts'

const periodMs = 2000
const askedMax = 200
/** What a probe finds is no trouble. */
const kinds = usualKinds.filter((kind) => kind !== 'probe')
const shownMax = 8

export function LatestTroubles() {
  const [facts, setFacts] = useState<readonly Told[] | null>(null)
  const [why, setWhy] = useState('')
  const look = async (): Promise<void> => {
    try {
      const page = await askFacts({ kind: kinds.join(','), eventful: '', limit: String(askedMax) })
      setFacts(page.facts.filter(isTrouble).slice(0, shownMax))
      setWhy('')
    } catch (error) {
      setWhy(String(error))
    }
  }
  useEffect(() => poll(periodMs, look), [])
  if (why) return html`<p class="card soft">${why}</p>`
  if (!facts) return html`<p class="card soft">Reading the record …</p>`
  if (facts.length === 0) return html`<p class="card calm">None, as far as the record goes back.</p>`
  return html`<div class="card"><${FactList} facts=${facts} label="Latest troubles" /></div>`
}
