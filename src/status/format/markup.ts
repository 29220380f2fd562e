/** Text that others wrote, made harmless in XML and HTML. */
import { escapeHtml } from '../../ground/escape-html.ts'

/** What XML 1.0 forbids even when it is escaped; halves of surrogate pairs have been mended before. */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** For text and for attributes in quotes, in XML as in HTML. */
export function escapeMarkup(text: string): string {
  return escapeHtml(wellFormed(text))
}

/** Without what no XML document, and no mail, may hold. Line ends are `\n`. */
export function wellFormed(text: string): string {
  return text.toWellFormed().replace(forbidden, '').replace(/\r\n?/g, '\n')
}

/** An element; `content` is markup. Attributes without a value are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | null>>,
  content: string | null = null,
): string {
  const pairs = Object.entries(attributes).flatMap(([key, value]) =>
    value === null ? [] : [` ${key}="${escapeMarkup(value)}"`],
  )
  return content === null ? `<${name}${pairs.join('')}/>` : `<${name}${pairs.join('')}>${content}</${name}>`
}

export const textElement = (name: string, text: string): string => element(name, {}, escapeMarkup(text))
