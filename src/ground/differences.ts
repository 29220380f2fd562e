/** What differs between two values that JSON could hold, by path: for people who want to see what changes. */
export interface Difference {
  /** `upstreams.gpu1.url`; of lists `keys.0.name`. */
  readonly path: string
  /** Undefined where it is not there. */
  readonly before: unknown
  readonly after: unknown
}

/** Differences that are told; whoever changes more than that has another configuration. */
export const differencesMax = 1000

/** In the order of the paths. */
export function differences(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = []
  compare(before, after, '', found)
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function compare(before: unknown, after: unknown, path: string, found: Difference[]): void {
  if (found.length >= differencesMax || Object.is(before, after)) return
  if (!isNest(before) || !isNest(after) || Array.isArray(before) !== Array.isArray(after)) {
    found.push({ path, before, after })
    return
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
    compare(ownOf(before, name), ownOf(after, name), path === '' ? name : `${path}.${name}`, found)
}

const isNest = (value: unknown): value is object => typeof value === 'object' && value !== null
const ownOf = (value: object, name: string): unknown =>
  Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
