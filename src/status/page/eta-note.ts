/** When an incident will probably be over: how much longer, and as moments, which stay true however old the page is. */
import { countText, rounded } from '../eta/eta-words.ts'
import type { IncidentView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { icon, type PageScene } from './page-scene.ts'
import type { Words } from './words/en.ts'

const minuteMs = 60_000

/** Of one that goes on. */
export function etaNote(scene: PageScene, incident: IncidentView): Html {
  return html`<p class="eta">${icon('time')} <span><b>${scene.words.expected}</b> ${etaText(scene, incident)}</span></p>`
}

function etaText({ words, time, view }: PageScene, { eta }: IncidentView): string {
  if (!eta) return words.etaUnknown
  const { atMs, medianMs, lowMs, highMs } = eta
  if (![atMs, medianMs, lowMs, highMs].every((ms) => Number.isFinite(ms) && ms >= 0)) return words.etaUnknown
  if (view.updatedMs > atMs + highMs) return words.etaPassed
  const at = (ms: number): string => time.soon(atMs + ms, atMs)
  return words.eta({
    ...{ between: between(words, lowMs, highMs), about: words.about(spanOf(words, medianMs)) },
    ...{ low: at(lowMs), high: at(highMs), zone: time.zoneName(atMs), at: time.clock(atMs) },
  })
}

/** `20 minutes to 3 hours`; the unit once where both have it. */
function between(words: Words, lowMs: number, highMs: number): string {
  const [low, high] = [rounded(lowMs / minuteMs), rounded(highMs / minuteMs)]
  const upper = spanOf(words, highMs)
  if (low.unit !== high.unit) return words.between(spanOf(words, lowMs), upper)
  return low.count === high.count ? words.about(upper) : words.between(countText(low.count), upper)
}

function spanOf({ spans }: Words, ms: number): string {
  const { count, unit } = rounded(ms / minuteMs)
  return spans[unit](countText(count), count === 1)
}
