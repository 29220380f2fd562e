/** The few rules of HTTP's grammar that reading answers and writing requests share (RFC 9110 section 5, RFC 9112). */

export const statusLinePattern = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/
/** A header's name. */
export const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What no line of a head may hold: controls (tab excepted), so CR, LF and NUL, and what is not one byte. */
export const forbiddenPattern = /[^\t\x20-\x7e\x80-\xff]/
/** Up to 15 digits, so that the length stays exact in a double. */
export const lengthPattern = /^\d{1,15}$/
/** Chunk extensions: `;name`, `;name=token` or `;name="text"`, any number of them. */
export const extensionPattern =
  /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*$/

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** Without blanks and tabs at both ends; `trim` would also take a no-break space, which is a byte of the value here. */
export function trimBlanks(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** Whether a comma-separated list holds the token, in whatever case. */
export function hasToken(list: string, token: string): boolean {
  if (list === '') return false
  return list
    .toLowerCase()
    .split(',')
    .some((item) => trimBlanks(item) === token)
}
