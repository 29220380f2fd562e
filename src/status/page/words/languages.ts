/** The languages there are. Another one: a file like these, and a line here; or words of the operator's own. */
import { de } from './de.ts'
import { en, type Words } from './en.ts'
import { ownWords } from './own-words.ts'

const all = { en, de } as const satisfies Readonly<Record<string, Words>>

export type Language = keyof typeof all
export const languageTags = Object.keys(all) as [Language, ...Language[]]

const isShipped = (tag: string): tag is Language => Object.hasOwn(all, tag)

/**
 * In this order, each once; English where none is named. `own`: what was read for a tag; of a language that is not
 * shipped, what it leaves out is English.
 * @throws {Error} for a tag without words, and for words that cannot be used.
 */
export function wordsOf(tags: readonly string[], own: ReadonlyMap<string, unknown> = new Map()): Words[] {
  const words = [...new Set(tags)].map((tag): Words => {
    if (!isShipped(tag) && !own.has(tag)) throw new Error(`there are no words for the language ${tag}`)
    const base = isShipped(tag) ? all[tag] : { ...en, tag, locale: tag, name: tag }
    return own.has(tag) ? { ...ownWords(base, own.get(tag)), tag } : base
  })
  return words.length > 0 ? words : [en]
}
