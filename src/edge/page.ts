/** Pages for people: plain HTML files of `web/`, read at the start, with slots to fill. */
import { readFileSync } from 'node:fs'
import { escapeHtml } from '../ground/escape-html.ts'

/** A text of `web/`, which stands beside `src/` in a checkout and beside `dist/` in the package. */
export function readPage(name: string): string {
  for (const up of ['../../web/', '../../../web/']) {
    try {
      return readFileSync(new URL(`${up}${name}`, import.meta.url), 'utf8')
    } catch {
      // Try the next place.
    }
  }
  throw new Error(`the page web/${name} is missing from this installation`)
}

/** A page with its slots `{{name}}` filled. */
export class Page {
  #parts: string[]

  constructor(name: string) {
    this.#parts = readPage(name).split(/\{\{(\w+)\}\}/)
  }

  /** `slots` are escaped, `markup` is HTML already. */
  render(slots: Readonly<Record<string, string>>, markup: Readonly<Record<string, string>> = {}): Buffer {
    const fill = (name: string): string => markup[name] ?? escapeHtml(slots[name] ?? '')
    return Buffer.from(this.#parts.map((part, i) => (i % 2 === 0 ? part : fill(part))).join(''))
  }
}
