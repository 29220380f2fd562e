/**
 * A dictionary of structured fields, RFC 9651 section 4.2.2, read strictly and in one pass: whatever is not exactly
 * that is none at all. Parameters and inner lists are checked and dropped.
 */

export type BareItem =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'decimal' | 'string' | 'token' | 'bytes' | 'date' | 'list' }

const keyPattern = /[a-z*][a-z0-9_\-.*]*/y
/** Each way to begin an item, with what it then is. */
const itemPatterns: readonly (readonly [RegExp, BareItem['type']])[] = [
  [/-?\d{1,12}\.\d{1,3}(?![\d.])/y, 'decimal'],
  [/-?\d{1,15}(?![\d.])/y, 'integer'],
  [/"(?:[ !#-[\]-~]|\\["\\])*"/y, 'string'],
  [/\?[01]/y, 'boolean'],
  [/:[A-Za-z0-9+/=]*:/y, 'bytes'],
  [/@-?\d{1,15}(?![\d.])/y, 'date'],
  [/[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y, 'token'],
]
const membersMax = 128

class Reader {
  #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? null
    if (found !== null) this.#at += found.length
    return found
  }

  /** Null where there is none. */
  item(): BareItem | null {
    for (const [pattern, type] of itemPatterns) {
      const text = this.take(pattern)
      if (text === null) continue
      if (type === 'integer') return { type, value: Number(text) }
      if (type === 'boolean') return { type, value: text === '?1' }
      return { type }
    }
    return null
  }

  /** False where they are not well formed. */
  parameters(): boolean {
    while (this.take(/;/y) !== null) {
      this.take(/ */y)
      if (this.take(keyPattern) === null) return false
      if (this.take(/=/y) !== null && this.item() === null) return false
    }
    return true
  }

  /** Behind the opening bracket. */
  innerList(): BareItem | null {
    for (;;) {
      const hasBlank = this.take(/ */y) !== ''
      if (this.take(/\)/y) !== null) return { type: 'list' }
      if (this.isAtEnd || this.item() === null || !this.parameters()) return null
      if (!hasBlank && !/[ )]/.test(this.#text[this.#at] ?? '')) return null
    }
  }
}

/** Null for what is no dictionary. Of a name that comes twice the last holds. */
export function readDictionary(text: string): ReadonlyMap<string, BareItem> | null {
  const members = new Map<string, BareItem>()
  const reader = new Reader(text)
  reader.take(/ */y)
  if (reader.isAtEnd) return members
  for (let count = 0; count < membersMax; count++) {
    const key = reader.take(keyPattern)
    if (key === null) return null
    const value = readMember(reader)
    if (value === null || !reader.parameters()) return null
    members.set(key, value)
    reader.take(/[ \t]*/y)
    if (reader.isAtEnd) return members
    if (reader.take(/,/y) === null) return null
    reader.take(/[ \t]*/y)
  }
  return null
}

function readMember(reader: Reader): BareItem | null {
  if (reader.take(/=/y) === null) return { type: 'boolean', value: true }
  return reader.take(/\(/y) === null ? reader.item() : reader.innerList()
}
