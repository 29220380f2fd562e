/** The fields of an answer whose body is compressed here. */
import { valueOf } from '../../cache/header-list.ts'

/** Of another form the tag must be another; a weak one still says that it is the same thing. */
export function weakened(headers: readonly string[], coding: string): string[] {
  const shown = [...headers, 'content-encoding', coding]
  return shown.map((each, i) =>
    i % 2 === 1 && shown[i - 1]?.toLowerCase() === 'etag' && !each.startsWith('W/') ? `W/${each}` : each,
  )
}

/** Others who keep it are told that there are several forms. */
export function withVary(headers: readonly string[]): string[] {
  const vary = valueOf(headers, 'vary')
  return vary !== null && /accept-encoding|\*/i.test(vary) ? [...headers] : [...headers, 'vary', 'accept-encoding']
}
