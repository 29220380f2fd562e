/** An incident: what it is, how far it has come, when it will probably be over, and who wrote and corrected what. */
import type { IncidentUpdate } from '../incident.ts'
import type { EtaView, IncidentView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { levelBadge } from './level-mark.ts'
import { tidyText } from './tidy-view.ts'
import { homeOf, icon, ownText, type PageScene, timeTag } from './page-scene.ts'

/** Updates of one incident among others; its own page has them all. */
const shownMax = 4
/** Letters of one text there. */
const lettersMax = 1200
const correctionsMax = 3
/** So begins an estimate that is worth its numbers; any other says why there are none. */
const rangeSaid = 'Probably'
const machine = 'holdfast'

export const pathOf = (id: string): string => `incidents/${id}.html`

const colours = {
  none: 'ok',
  minor: 'slow',
  major: 'part',
  critical: 'out',
} as const satisfies Record<IncidentView['impact'], string>

export function stageBadge({ words }: Pick<PageScene, 'words'>, { stage, impact }: IncidentView): Html {
  return html`<span class="badge ${stage === 'resolved' ? 'ok' : colours[impact]}">${words.stages[stage]}</span>`
}

/** One that goes on, among others. */
export function incidentCard(scene: PageScene, incident: IncidentView): Html {
  const { updates } = incident
  const more = updates.length - shownMax
  return html`<article class="incident card ${colours[incident.impact]}" id="i-${incident.id}">
<div class="head"><h3><a href="${homeOf(scene)}${pathOf(incident.id)}"><bdi>${incident.title}</bdi></a></h3>
${stageBadge(scene, incident)}</div>
${incidentFacts(scene, incident)}
${timeline(scene, incident, updates.slice(-shownMax).map(shorten))}
${more > 0 && html`<p><a href="${homeOf(scene)}${pathOf(incident.id)}">${scene.words.earlier(more)}</a></p>`}
</article>
`
}

function shorten(update: IncidentUpdate): IncidentUpdate {
  const short = <T extends { text: string }>(each: T): T => ({ ...each, text: tidyText(each.text, lettersMax) })
  return short({ ...update, corrected: update.corrected.slice(-correctionsMax).map(short) })
}

export function incidentFacts(scene: PageScene, incident: IncidentView): Html {
  const { words, time, view } = scene
  const { beganMs, resolvedMs, causeClass, calls, badCalls, eta, stage } = incident
  const endMs = resolvedMs ?? view.updatedMs
  const isOver = stage === 'resolved'
  const isNamed = causeClass !== null && Object.hasOwn(words.causes, causeClass)
  const cause = isNamed ? (words.causes[causeClass] ?? null) : null
  return html`${!isOver && eta && etaNote(scene, eta)}
<dl class="facts"><div><dt>${words.began}</dt><dd>${timeTag(beganMs, time.full(beganMs))}</dd></div>
<div><dt>${isOver ? words.lasted : words.lasts}</dt><dd>${words.span(Math.max(0, endMs - beganMs))}</dd></div>
${cause !== null && html`<div><dt>${words.cause}</dt><dd>${cause}</dd></div>`}
${calls > 0 && html`<div><dt>${words.calls}</dt><dd>${words.callsOf(time.count(badCalls), time.count(calls))}</dd></div>`}
</dl>
${affected(scene, incident)}`
}

function affected(scene: PageScene, { components, stage }: IncidentView): Html {
  const { words } = scene
  if (components.length === 0) return html``
  const shown = components.map(({ name, level }) =>
    stage === 'resolved'
      ? html`<li><bdi>${name}</bdi></li>`
      : html`<li><bdi>${name}</bdi> ${levelBadge(scene, level)}</li>`,
  )
  return html`<ul class="affected" aria-label="${words.components}">${shown}</ul>`
}

/** As moments, which stay true however old the page is; and in the words of who estimated. */
function etaNote(scene: PageScene, { atMs, medianMs, lowMs, highMs, words: said }: EtaView): Html | false {
  if (![atMs, medianMs, lowMs, highMs].every((ms) => Number.isFinite(ms) && ms >= 0)) return false
  const { words, time, view } = scene
  const at = (ms: number): string => time.soon(atMs + ms, atMs)
  const told = {
    ...{ said, low: at(lowMs), median: at(medianMs), high: at(highMs) },
    ...{ zone: time.zoneName(atMs), at: time.clock(atMs) },
  }
  const isVague = said !== '' && !said.startsWith(rangeSaid)
  const known = view.updatedMs > atMs + highMs ? words.etaPassed : words.eta(told)
  const text = isVague ? words.etaUnknown(said) : known
  return html`<p class="eta">${icon('time')} <span><b>${words.expected}</b> ${text}</span></p>`
}

/** The newest first. `updates`: oldest first. */
export function timeline(scene: PageScene, incident: IncidentView, updates: readonly IncidentUpdate[]): Html {
  return html`<ol class="updates" aria-label="${scene.words.updates}">${updates
    .toReversed()
    .map((each) => updateItem(scene, incident, each))}</ol>`
}

function updateItem(scene: PageScene, incident: IncidentView, update: IncidentUpdate): Html {
  const { words, time } = scene
  const { atMs, stage, text, by, corrected } = update
  const isOurs = by === machine
  return html`<li><p class="when"><b>${words.stages[stage]}</b> ${timeTag(atMs, time.full(atMs))}</p>
<p class="text" dir="auto"${ownText(scene, isOurs && corrected.length === 0)}>${text}</p>
<p class="by">${isOurs ? words.byMeasure : html`<bdi>${words.by(by)}</bdi>`}</p>
${corrected.length > 0 && corrections(scene, `${incident.id}-${update.number}`, corrected)}</li>
`
}

function corrections(scene: PageScene, id: string, corrected: IncidentUpdate['corrected']): Html {
  const { words, time } = scene
  const each = corrected.map(
    ({ atMs, by, text }) =>
      html`<p class="by"><bdi>${words.correctedBy(by, time.full(atMs))}</bdi></p><p class="text"><del dir="auto">${text}</del></p>`,
  )
  return html`<details id="u-${id}"><summary>${words.correctedNote(corrected.length)}</summary>${each}</details>`
}

/** One line in a list of the past. */
export function incidentLine(scene: PageScene, incident: IncidentView): Html {
  const { words, time } = scene
  const { id, title, beganMs, resolvedMs, components, impact } = incident
  const when = resolvedMs === null ? time.full(beganMs) : time.range(beganMs, resolvedMs)
  const lasted = resolvedMs === null ? words.stages[incident.stage] : words.span(resolvedMs - beganMs)
  const names = components.map(({ name }) => name).join(', ')
  return html`<li class="${colours[impact]}"><p><a href="${homeOf(scene)}${pathOf(id)}"><bdi>${title}</bdi></a></p>
<p class="soft">${timeTag(beganMs, when)} · ${lasted}${names !== '' && html` · <bdi>${names}</bdi>`} · ${words.impacts[impact]}</p></li>
`
}
