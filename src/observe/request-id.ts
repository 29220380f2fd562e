/** The name that a caller gives its request (`x-request-id`); it is told back, and stands in log and traces. */

/** Long enough for two UUIDs, and nothing that means anything to a log, a shell or a page. */
const shape = /^[A-Za-z0-9._~:+/=@-]{1,128}$/

/** Null where none was sent, or something else. */
export function readRequestId(headers: Readonly<Record<string, string | string[] | undefined>>): string | null {
  const sent = headers['x-request-id']
  return typeof sent === 'string' && shape.test(sent) ? sent : null
}
