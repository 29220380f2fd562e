/** A level as people see it: a mark, a word and a colour. */
import type { StatusView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { icon, type PageScene } from './page-scene.ts'

export type ShownLevel = StatusView['level']

const marks: Readonly<Record<ShownLevel, string>> = {
  operational: 'ok',
  degraded_performance: 'slow',
  partial_outage: 'part',
  major_outage: 'out',
  under_maintenance: 'work',
}

/** Also the name of its colours in the style sheet. */
export const markOf = (level: ShownLevel): string => marks[level]

export function levelBadge({ words }: Pick<PageScene, 'words'>, level: ShownLevel): Html {
  return html`<span class="badge ${markOf(level)}">${icon(markOf(level))} ${words.levels[level]}</span>`
}

const iconColours: Readonly<Record<ShownLevel, string>> = {
  operational: '#1a7a45',
  degraded_performance: '#b07a00',
  partial_outage: '#c8590f',
  major_outage: '#c0322b',
  under_maintenance: '#2f6fb5',
}

/** For the tab of the browser: how it goes is seen there, too. */
export function tabIcon(level: ShownLevel): Buffer {
  const inner = level === 'operational' ? 'm-4 0 3 3 5-6' : 'm0-5v6m0 3v1.4'
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="14" fill="${iconColours[level]}"/>` +
      `<path d="M16 16${inner}" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>\n`,
  )
}
