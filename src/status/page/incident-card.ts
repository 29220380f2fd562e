/** An incident: what it is, how far it has come, when it will probably be over, and who wrote and corrected what. */
import type { Correction, IncidentUpdate } from '../incident.ts'
import { textIn, titleIn } from '../incident-words.ts'
import type { IncidentView } from '../status-view.ts'
import { etaNote } from './eta-note.ts'
import { html, type Html } from './html.ts'
import { levelBadge } from './level-mark.ts'
import { tidyText } from './tidy-view.ts'
import { homeOf, ownText, type PageScene, timeTag } from './page-scene.ts'

/** Updates of one incident among others; its own page has them all. */
const shownMax = 4
/** Letters of one text there. */
const lettersMax = 1200
const correctionsMax = 3
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

/** In the language of the page where it was written from facts. */
export function titleOn({ words }: Pick<PageScene, 'words'>, { title, told }: IncidentView): string {
  return told ? titleIn(words, told) : title
}

function textOn({ words, time }: PageScene, { text, told }: Pick<Correction, 'text' | 'told'>): string {
  const moment = (ms: number): string => `${time.clock(ms)} ${time.zoneName(ms)}`
  return told ? textIn(words, told, { moment, count: (value) => time.count(value) }) : text
}

/** One that goes on, among others. */
export function incidentCard(scene: PageScene, incident: IncidentView): Html {
  const { updates } = incident
  const more = updates.length - shownMax
  return html`<article class="incident card ${colours[incident.impact]}" id="i-${incident.id}">
<div class="head"><h3><a href="${homeOf(scene)}${pathOf(incident.id)}"><bdi>${titleOn(scene, incident)}</bdi></a></h3>
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
  const { beganMs, resolvedMs, causeClass, calls, badCalls, stage } = incident
  const endMs = resolvedMs ?? view.updatedMs
  const isOver = stage === 'resolved'
  const isNamed = causeClass !== null && Object.hasOwn(words.causes, causeClass)
  const cause = isNamed ? (words.causes[causeClass] ?? null) : null
  return html`${!isOver && etaNote(scene, incident)}
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

/** The newest first. `updates`: oldest first. */
export function timeline(scene: PageScene, incident: IncidentView, updates: readonly IncidentUpdate[]): Html {
  return html`<ol class="updates" aria-label="${scene.words.updates}">${updates
    .toReversed()
    .map((each) => updateItem(scene, incident, each))}</ol>`
}

function updateItem(scene: PageScene, incident: IncidentView, update: IncidentUpdate): Html {
  const { words, time } = scene
  const { atMs, stage, told, by, corrected } = update
  const isOurs = by === machine
  return html`<li><p class="when"><b>${words.stages[stage]}</b> ${timeTag(atMs, time.full(atMs))}</p>
<p class="text" dir="auto"${ownText(scene, isOurs && corrected.length === 0 && !told)}>${textOn(scene, update)}</p>
<p class="by">${isOurs ? words.byMeasure : html`<bdi>${words.by(by)}</bdi>`}</p>
${corrected.length > 0 && corrections(scene, `${incident.id}-${update.number}`, corrected)}</li>
`
}

function corrections(scene: PageScene, id: string, corrected: IncidentUpdate['corrected']): Html {
  const { words, time } = scene
  const each = corrected.map(
    (before) =>
      html`<p class="by"><bdi>${words.correctedBy(before.by, time.full(before.atMs))}</bdi></p><p class="text"><del dir="auto">${textOn(scene, before)}</del></p>`,
  )
  return html`<details id="u-${id}"><summary>${words.correctedNote(corrected.length)}</summary>${each}</details>`
}

/** One line in a list of the past. */
export function incidentLine(scene: PageScene, incident: IncidentView): Html {
  const { words, time } = scene
  const { id, beganMs, resolvedMs, components, impact } = incident
  const when = resolvedMs === null ? time.full(beganMs) : time.range(beganMs, resolvedMs)
  const lasted = resolvedMs === null ? words.stages[incident.stage] : words.span(resolvedMs - beganMs)
  const names = components.map(({ name }) => name).join(', ')
  return html`<li class="${colours[impact]}"><p><a href="${homeOf(scene)}${pathOf(id)}"><bdi>${titleOn(scene, incident)}</bdi></a></p>
<p class="soft">${timeTag(beganMs, when)} · ${lasted}${names !== '' && html` · <bdi>${names}</bdi>`} · ${words.impacts[impact]}</p></li>
`
}
