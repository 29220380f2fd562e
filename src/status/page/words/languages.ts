/** The languages there are. Another one: a file like these, and a line here. */
import { de } from './de.ts'
import { en, type Words } from './en.ts'

const all = { en, de } as const satisfies Readonly<Record<string, Words>>

export type Language = keyof typeof all
export const languageTags = Object.keys(all) as [Language, ...Language[]]

/** In this order, each once; English where none is named. */
export function wordsOf(tags: readonly Language[]): Words[] {
  const words = [...new Set(tags)].map((tag): Words => all[tag])
  return words.length > 0 ? words : [en]
}
