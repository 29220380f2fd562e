/**
 * Takes out of a text that others wrote what looks like a secret: servers quote the key that they refuse, proxies the
 * headers that they got. Meant for texts of errors, which are short and few.
 */

const censor = '[redacted]'

/** Each keeps what says what stood there, in `$1`. */
const headers = '(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api-key|x-goog-api-key'
const fields = 'api[_-]?key|access[_-]?token|refresh[_-]?token|client[_-]?secret|secret|password|passwd'
const owners = 'sk|pk|rk|gsk|xai|hf|r8|ghp|gho|github_pat|AIza|AKIA|xox[abprs]|whsec'
const equals = String.raw`["']?\s{0,8}[:=]\s{0,8}["']?`
const secrets: readonly RegExp[] = [
  // A header, as it stands in a dump: up to the end of its line or string.
  new RegExp(String.raw`\b(${headers})(${equals})[^\r\n"']{1,4096}`, 'gi'),
  /\b(bearer|basic)(\s{1,8})[\w.~+/=-]{8,4096}/gi,
  // A field or a query: `api_key=…`, `"password": "…"`.
  new RegExp(String.raw`\b(${fields})(${equals})[^\s"'&,;}]{4,4096}`, 'gi'),
  // Keys that say by their beginning whose they are.
  new RegExp(String.raw`\b(${owners})([-_]|(?<=AIza|AKIA))[\w*.-]{8,512}`, 'g'),
  // A JSON Web Token.
  /\b(eyJ)()[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]*/g,
]

export function redact(text: string): string {
  let told = text
  for (const secret of secrets)
    told = told.replace(secret, (_, what: string, between: string) => `${what}${between}${censor}`)
  return told
}
