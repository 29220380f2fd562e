/**
 * What the public is told of an incident, written from facts in plain words, in any language that has the words. No
 * name of a machine is in it: components have names that their users know.
 */
import type { NameRow, Told } from './incident.ts'
import { en, type Words } from './page/words/en.ts'

/** How a page says moments and counts. */
export interface Telling {
  readonly moment: (ms: number) => string
  readonly count: (value: number) => string
}

/** `gpt-oss and llama: some calls fail`. */
export function titleIn({ told: words }: Words, { names, worst }: Told): string {
  return `${rowIn(words, names)}: ${words.titles[worst]}`
}

export function textIn(words: Words, told: Told, telling: Telling): string {
  const { told: sentences, span } = words
  const { stage, isBack, beganMs, atMs, cause, calls, badCalls } = told
  if (stage === 'monitoring') return sentences.watched
  if (stage === 'resolved') {
    const counts = calls > 0 && badCalls > 0 ? [sentences.affected(telling.count(badCalls), telling.count(calls))] : []
    return [sentences.over, sentences.lasted(span(atMs - beganMs)), ...counts].join(' ')
  }
  const since = isBack ? sentences.back : sentences.began(telling.moment(beganMs))
  return [harmIn(sentences, told), since, cause === null ? sentences.searching : sentences.causes[cause]].join(' ')
}

/** As the log, feeds, letters and programs have it: English, in UTC. */
const plainly: Telling = {
  moment: (ms) => `${new Date(ms).toISOString().slice(11, 16)} UTC`,
  count: (value) => value.toLocaleString('en'),
}
export const titleOf = (told: Told): string => titleIn(en, told)
export const updateText = (told: Told): string => textIn(en, told, plainly)

/** The share is rounded: the figure moves. */
function harmIn(words: Words['told'], { names, harmed, share }: Told): string {
  if (harmed.shown.length === 0) return words.disturbed(rowIn(words, names))
  const percent = 100 * share
  const row = rowIn(words, harmed)
  if (percent >= 97) return words.nearlyAll(row)
  if (percent < 1.5) return words.some(row)
  return words.part(percent >= 10 ? Math.round(percent / 5) * 5 : Math.round(percent), row)
}

/** `a`, `a and b`, `a, b and c`, `a, b, c and 3 more`. */
function rowIn(words: Words['told'], { shown, more }: NameRow): string {
  if (more > 0) return words.rowMore(shown.join(', '), more)
  const [last = words.all, ...before] = shown.toReversed()
  return before.length === 0 ? last : words.row(before.toReversed().join(', '), last)
}
