/**
 * Ninety days as bars. Days of one level are one dashed line, drawn as a few runs, so that a component without trouble
 * costs a hundred bytes; a day with trouble has a line of its own, which tells on pointing at it what it was.
 */
import type { Level } from '../incident.ts'
import type { ComponentView, DayView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import { markOf } from './level-mark.ts'
import type { PageScene } from './page-scene.ts'

const barCount = 90
/** Of a page with very many components, each may point out fewer days. */
const pointedMax = 600

export const isTroubled = ({ level }: DayView): boolean => level !== null && level !== 'operational'

/** In the words of the page: `3 Nov: Partial outage, 12 min`. */
export function dayWords({ words, time }: PageScene, day: DayView): string {
  const minutes = day.partialMinutes + day.majorMinutes
  const outage = minutes > 0 ? `, ${words.minutes(time.count(minutes))}` : ''
  return `${time.day(day.day)}: ${day.level === null ? '–' : words.levels[day.level]}${outage}`
}

/** Runs of neighbours, as a path: `M3 0h2M9 0h1`. */
function runs(places: readonly number[]): string {
  let path = ''
  let at = 0
  while (at < places.length) {
    const first = places[at] ?? 0
    let length = 1
    while (places[at + length] === first + length) length++
    path += `M${first} 0h${length}`
    at += length
  }
  return path
}

export function dayBars(scene: PageScene, component: ComponentView): Html {
  const { words, view } = scene
  const days = component.days.slice(-barCount)
  const before = barCount - days.length
  const placesOf = (level: Level | null): number[] =>
    days.flatMap((day, i) => (day.level === level ? [before + i] : []))
  const unseen = [...Array.from({ length: before }, (_, i) => i), ...placesOf(null)]
  const each = Math.max(3, Math.floor(pointedMax / Math.max(1, view.components.length)))
  const troubled = days.map((day, i) => ({ day, place: before + i })).filter(({ day }) => isTroubled(day))
  const pointed = troubled.slice(-each)
  const line = (name: string, places: readonly number[]): Html | false =>
    places.length > 0 && html`<path class="${name}" d="${runs(places)}"/>`
  const unpointed = troubled.slice(0, -each)
  const alt =
    days.length === 0 ? words.noDays : words.barsAlt(days.length, troubled.length, words.levels[component.level])
  return html`<svg class="bars" viewBox="0 -.5 90 1" preserveAspectRatio="none" role="img" aria-label="${alt}">${line('none', unseen)}${line('ok', placesOf('operational'))}${(
    ['degraded_performance', 'partial_outage', 'major_outage'] as const
  ).map((level) =>
    line(
      markOf(level),
      unpointed.filter(({ day }) => day.level === level).map(({ place }) => place),
    ),
  )}${pointed.map(
    ({ day, place }) =>
      html`<path class="${markOf(day.level ?? 'operational')}" d="M${place} 0h1"><title>${dayWords(scene, day)}</title></path>`,
  )}</svg>`
}
