/** Text of others in a page: as text, whatever it holds. */
import { escapeHtml } from '../../ground/escape-html.ts'
import { printable } from '../../observe/fact-words.ts'

export function printableHtml(text: string): string {
  return escapeHtml(printable(text))
}
