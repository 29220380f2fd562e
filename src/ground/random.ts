/** Chance as a parameter: seeded in tests and in the simulated world, the machine's own in production. */
import { randomBytes } from 'node:crypto'

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number
  /** Uniform unsigned integer of `bits` bits, 1 to 32. */
  bits(bits: number): number
}

/** Draws from the system's generator in blocks, so that a Ray ID costs no system call. */
class SystemRandom implements Random {
  #pool = Buffer.alloc(0)
  #at = 0
  #word(): number {
    if (this.#at + 4 > this.#pool.length) {
      this.#pool = randomBytes(4096)
      this.#at = 0
    }
    const word = this.#pool.readUInt32LE(this.#at)
    this.#at += 4
    return word
  }
  unit(): number {
    return this.#word() / 2 ** 32
  }
  bits(bits: number): number {
    return this.#word() >>> (32 - bits)
  }
}

export const systemRandom: Random = new SystemRandom()

/** A reproducible generator (mulberry32, public domain by T. Ettinger): same seed, same numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return { unit: () => word() / 2 ** 32, bits: (bits) => word() >>> (32 - bits) }
}
