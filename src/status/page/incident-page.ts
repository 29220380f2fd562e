/** All that the public may know of one incident, for as long as it is kept. */
import type { IncidentView } from '../status-view.ts'
import { frame } from './frame.ts'
import { html } from './html.ts'
import { incidentFacts, stageBadge, timeline, titleOn } from './incident-card.ts'
import type { PageScene } from './page-scene.ts'

export function incidentPage(scene: PageScene, incident: IncidentView): Buffer {
  const { view, words } = scene
  const { stage, updates } = incident
  const title = titleOn(scene, incident)
  const main = html`<h1><bdi>${title}</bdi></h1>
<p>${stageBadge(scene, incident)} <span class="soft">${words.impacts[incident.impact]}</span></p>
<div class="card incident-page">${incidentFacts(scene, incident)}</div>
<section aria-labelledby="h-updates"><h2 id="h-updates">${words.updates}</h2>
<div class="card">${timeline(scene, incident, updates)}</div></section>
`
  const about = `${words.stages[stage]}: ${title}`
  // So it is neither made, written nor copied anew with each figure of the others.
  return frame(scene, { title: `${title} · ${view.page.name}`, about, main, isFinal: stage === 'resolved' })
}
