/** What happened in a world, in order: a hash of all of it, and the last of it in words. */

/** Lines kept for people. */
const linesMax = 400

export class Trace {
  readonly lines: string[] = []
  #hash = 0x811c9dc5
  #count = 0
  #nowMs: () => number
  /** Called with each line; for `--verbose`. */
  onLine: ((line: string) => void) | null = null

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Equal for two runs that went the same way. */
  get hash(): string {
    return `${this.#hash.toString(16).padStart(8, '0')}-${this.#count}`
  }

  note(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(2).padStart(10)} ${who.padEnd(8)} ${what}`
    this.#count++
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193) >>> 0
    this.lines.push(line)
    if (this.lines.length > 2 * linesMax) this.lines.splice(0, linesMax)
    this.onLine?.(line)
  }

  /** The last lines, oldest first. */
  last(count: number): readonly string[] {
    return this.lines.slice(-Math.min(count, linesMax))
  }
}
