/** Which coding of a body a client wants: RFC 9110 section 12.5.3. */
import { splitList } from '../../cache/field-list.ts'

export const codings = ['br', 'zstd', 'gzip'] as const
export type Coding = (typeof codings)[number]

const itemsMax = 32

/** Codings that the client takes, the best first: by its own weights, then as above. Without a field: none. */
export function wantedCodings(acceptEncoding: string | undefined): Coding[] {
  if (!acceptEncoding) return []
  const weights = new Map<string, number>()
  for (const item of splitList([acceptEncoding.slice(0, 1024)], itemsMax)) {
    const [name = '', ...parameters] = item.split(';')
    const q = parameters.map((each) => /^\s*q=([\d.]{1,9})\s*$/i.exec(each)?.[1]).find((each) => each !== undefined)
    weights.set(name.trim().toLowerCase().replace(/^x-/, ''), q === undefined ? 1 : Number(q) || 0)
  }
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0
  const identity = weights.get('identity') ?? 0
  return codings
    .filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= identity)
    .toSorted((a, b) => weightOf(b) - weightOf(a))
}
