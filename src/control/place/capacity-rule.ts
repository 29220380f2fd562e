/**
 * A capacity over yes-or-no variables, Σ size·bit ≤ room, put as small as it goes: often it says no more than that
 * some pairs may not stand together, and else smaller numbers say the same. Each number costs slack bits in a QUBO.
 */

export type CapacityRule =
  | { readonly kind: 'always' }
  /** None of these pairs may both be there. */
  | { readonly kind: 'pairs'; readonly pairs: readonly (readonly [number, number])[] }
  | { readonly kind: 'sum'; readonly sizes: readonly number[]; readonly room: number }

/** Up to this many variables all their sets are looked at, so that nothing changes. */
const bitsMax = 12

/** Sizes and room are whole numbers. */
export function capacityRule(sizes: readonly number[], room: number): CapacityRule {
  if (sizes.reduce((sum, size) => sum + size, 0) <= room) return { kind: 'always' }
  if (sizes.length > bitsMax) return byDivisor(sizes, room)
  const allowed = allowedSets(sizes, room)
  return asPairs(sizes, room, allowed) ?? asSmallSum(sizes, room, allowed) ?? byDivisor(sizes, room)
}

/** By set, written as bits. */
function allowedSets(sizes: readonly number[], room: number): Uint8Array {
  const sums = setSums(sizes)
  return Uint8Array.from(sums, (sum) => (sum <= room ? 1 : 0))
}

function setSums(sizes: readonly number[]): Float64Array {
  const sums = new Float64Array(1 << sizes.length)
  for (let set = 1; set < sums.length; set++) {
    const last = 31 - Math.clz32(set)
    sums[set] = (sums[set & ~(1 << last)] ?? 0) + (sizes[last] ?? 0)
  }
  return sums
}

function asPairs(sizes: readonly number[], room: number, allowed: Uint8Array): CapacityRule | null {
  const pairs = sizes.flatMap((a, i) => {
    return sizes.flatMap((b, j) => (j > i && a + b > room ? [[i, j] as const] : []))
  })
  const masks = pairs.map(([i, j]) => (1 << i) | (1 << j))
  const saysSame = allowed.every((isAllowed, set) => isAllowed === 1 || masks.some((mask) => (set & mask) === mask))
  // One alone that is too large is kept out before.
  return saysSame ? { kind: 'pairs', pairs } : null
}

/** The smallest room for which rounded sizes allow and forbid the same sets. */
function asSmallSum(sizes: readonly number[], room: number, allowed: Uint8Array): CapacityRule | null {
  const roundings = [Math.floor, Math.round, Math.ceil]
  for (let small = 1; small < Math.min(room, 256); small++) {
    for (const round of roundings) {
      for (const part of [room, room + 1]) {
        const smaller = sizes.map((size) => round((size * small) / part))
        if (setSums(smaller).every((sum, set) => sum <= small === (allowed[set] === 1)))
          return { kind: 'sum', sizes: smaller, room: small }
      }
    }
  }
  return null
}

function byDivisor(sizes: readonly number[], room: number): CapacityRule {
  const unit = sizes.reduce((a, b) => divisor(a, b), 0) || 1
  return { kind: 'sum', sizes: sizes.map((size) => size / unit), room: Math.floor(room / unit) }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
