/** The load of the last steps, two weeks of minutes, from which a forecaster can be made anew; kept in some 100 KiB. */
const stepsMax = 14 * 1440

export interface PastStep {
  /** NaN where it says nothing. */
  readonly load: number
  /** Replicas that got calls. */
  readonly ready: number
}

interface Kept {
  readonly unit: string
  readonly stepMs: number
  /** Number of the last step, since 1970. */
  readonly last: number
  /** Little-endian Float32, and Uint16; base64. */
  readonly loads: string
  readonly ready: string
}

export class LoadHistory {
  readonly #unit: string
  readonly #stepMs: number
  readonly #steps: PastStep[] = []
  /** Number of the last step; null before the first. */
  #last: number | null = null

  /** @param kept as `kept()` gave it; anything else, or another unit or length of a step: begun anew */
  constructor(unit: string, stepMs: number, kept: unknown) {
    this.#unit = unit
    this.#stepMs = stepMs
    const read = readKept(kept)
    if (read?.unit !== unit || read.stepMs !== stepMs) return
    const loads = floatsOf(read.loads)
    const ready = shortsOf(read.ready)
    for (const [at, load] of loads.entries()) this.#steps.push({ load, ready: ready[at] ?? 0 })
    this.#last = read.last
  }

  get steps(): readonly PastStep[] {
    return this.#steps
  }

  /** Number of the last step, since 1970. */
  get last(): number {
    return this.#last ?? 0
  }

  /** Adds a step, and empty ones for those between that were slept through. Returns how many were added. */
  add(number: number, step: PastStep): number {
    const gap = this.#last === null ? 0 : Math.max(0, Math.min(stepsMax, number - this.#last - 1))
    for (let i = 0; i < gap; i++) this.#steps.push({ load: Number.NaN, ready: 0 })
    this.#steps.push(step)
    this.#last = number
    if (this.#steps.length > stepsMax) this.#steps.splice(0, this.#steps.length - stepsMax)
    return gap + 1
  }

  kept(): Kept {
    const loads = Float32Array.from(this.#steps, ({ load }) => load)
    const ready = Uint16Array.from(this.#steps, (step) => step.ready)
    return {
      ...{ unit: this.#unit, stepMs: this.#stepMs, last: this.#last ?? 0 },
      ...{ loads: Buffer.from(loads.buffer).toString('base64'), ready: Buffer.from(ready.buffer).toString('base64') },
    }
  }
}

function readKept(value: unknown): Kept | null {
  const { unit, stepMs, last, loads, ready } = (value ?? {}) as Partial<Record<keyof Kept, unknown>>
  if (typeof unit !== 'string' || typeof stepMs !== 'number' || !Number.isSafeInteger(last)) return null
  if (typeof loads !== 'string' || typeof ready !== 'string') return null
  return { unit, stepMs, last: last as number, loads, ready }
}

function floatsOf(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))
}

function shortsOf(text: string): Uint16Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Uint16Array(bytes.buffer, 0, Math.floor(bytes.length / 2))
}
