/** Waiting for what processes do in their own time. */

/** Generous, since the machine may be busy. */
const patienceMs = 20_000

/** Looks until something is found. @throws {Error} after 20 s. */
export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const endMs = performance.now() + patienceMs
  while (performance.now() < endMs) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited in vain for ${what}`)
}
