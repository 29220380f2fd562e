/**
 * Which directives an answer means for a cache like this one: a field that is aimed at us stands in the place of
 * `cache-control` and `expires` altogether (RFC 9213 section 2.2). `surrogate-control` is older, and written by many
 * applications still.
 */
import { readDictionary } from './dictionary.ts'
import { type Directives, readDirectives, secondsMax } from './directives.ts'
import { splitList } from './field-list.ts'
import { type HeaderList, linesOf } from './header-list.ts'

export interface Policy {
  readonly directives: Directives
  /** The field that it stands in; only with `cache-control` does `expires` count. */
  readonly field: 'cdn-cache-control' | 'surrogate-control' | 'cache-control'
}

/** The name under which we are known to applications. */
export const capability = 'holdfast'
const itemsMax = 128

/** What an answer says about being kept and used again. */
export function policyOf(headers: HeaderList): Policy {
  const cdn = readTargeted(linesOf(headers, 'cdn-cache-control'))
  if (cdn) return { directives: cdn, field: 'cdn-cache-control' }
  const surrogate = readSurrogate(linesOf(headers, 'surrogate-control'))
  if (surrogate) return { directives: surrogate, field: 'surrogate-control' }
  return { directives: readDirectives(linesOf(headers, 'cache-control')), field: 'cache-control' }
}

const seconds: ReadonlySet<string> = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'])
const plain: ReadonlySet<string> = new Set([
  ...['no-store', 'public', 'must-revalidate', 'proxy-revalidate', 'must-understand', 'no-transform'],
])

/** Null where the field is missing, empty, or not as its standard has it: then it counts for nothing. */
function readTargeted(lines: readonly string[]): Directives | null {
  const members = lines.length === 0 ? null : readDictionary(lines.join(', '))
  if (!members || members.size === 0) return null
  const told: string[] = []
  for (const [name, value] of members) {
    if (seconds.has(name)) {
      if (value.type !== 'integer' || value.value < 0) return null
      told.push(`${name}=${Math.min(secondsMax, value.value)}`)
    } else if (plain.has(name)) {
      if (value.type !== 'boolean') return null
      if (value.value) told.push(name)
    } else if (name === 'no-cache' || name === 'private') {
      // With names of fields they are about those only; as here they are lists, it is simpler to mean all.
      if (value.type !== 'boolean' || value.value) told.push(name)
    }
  }
  return readDirectives([told.join(', ')])
}

/** `max-age=60;someone`: what is for someone else is not for us. */
function readSurrogate(lines: readonly string[]): Directives | null {
  const mine = splitList(lines, itemsMax)
    .map((item) => item.split(';', 2))
    .filter(([, target]) => target === undefined || target.trim().toLowerCase() === capability)
    .map(([directive = '']) => directive.trim())
  return mine.length === 0 ? null : readDirectives(mine)
}
