/**
 * Characters that break out of a line, or change what a reader sees of it: control characters of both sets, line and
 * paragraph separators, marks of writing direction, and what has no width.
 */

const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/g
/** Of a JSON text: below U+0020 it has its own escapes, and line feeds between its values stay. */
const unseenInJson = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Nearly all texts have none: a look at them is all that they cost. */
const beyondAscii = /[\u007f-\uffff]/

/** Each run of them as one blank. */
export function oneLine(text: string): string {
  return text.replace(unseen, ' ')
}

/** JSON for a terminal, a log or a program: the same value, with each of these as an escape. */
export function safeJson(text: string): string {
  return beyondAscii.test(text) ? text.replace(unseenInJson, escapeOf) : text
}

function escapeOf(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
}
