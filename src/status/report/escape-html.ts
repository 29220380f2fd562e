/** Text of others in a page: as text, whatever it holds. */
import { printable } from '../../observe/fact-words.ts'

const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (each) => names[each] ?? '')
}
