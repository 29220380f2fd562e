/** Maintenance: announced, under way, or past. */
import type { MaintenanceView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { icon, type PageScene, timeTag } from './page-scene.ts'

export const isAhead = ({ stage }: MaintenanceView): boolean => stage === 'scheduled' || stage === 'in_progress'

export function maintenanceCard(scene: PageScene, maintenance: MaintenanceView): Html {
  const { words, time } = scene
  const { id, title, text, stage, fromMs, toMs, components } = maintenance
  return html`<article class="maintenance card" id="m-${id}">
<div class="head"><h3><bdi>${title}</bdi></h3><span class="badge work">${icon('work')} ${words.maintenanceStages[stage]}</span></div>
<p><b>${timeTag(fromMs, time.range(fromMs, toMs))}</b></p>
${text !== '' && html`<p class="text" dir="auto">${text}</p>`}
${components.length > 0 && html`<div class="named"><span class="soft">${words.components}:</span> <ul class="affected" aria-label="${words.components}">${components.map(({ name }) => html`<li><bdi>${name}</bdi></li>`)}</ul></div>`}
</article>
`
}

/** One line in a list of the past. */
export function maintenanceLine(scene: PageScene, maintenance: MaintenanceView): Html {
  const { words, time } = scene
  const { title, stage, fromMs, toMs } = maintenance
  return html`<li class="work"><p><bdi>${title}</bdi></p>
<p class="soft">${timeTag(fromMs, time.range(fromMs, toMs))} · ${words.maintenance}
· ${words.maintenanceStages[stage]}</p></li>
`
}
