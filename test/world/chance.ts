/**
 * Chance in the simulated world. Every part draws from a fork of its own, so that a change in one part does not shift
 * the dice of all others, and a seed goes on meaning nearly the same world.
 */
import { type Random, seededRandom } from '../../src/ground/random.ts'

export class Chance {
  readonly seed: number
  readonly random: Random

  constructor(seed: number) {
    this.seed = seed >>> 0
    this.random = seededRandom(this.seed)
  }

  /** Dice of their own for whatever bears this name; the same for the same seed and name. */
  fork(name: string): Chance {
    let hash = 0x811c9dc5 ^ this.seed
    for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193)
    return new Chance(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d))
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.random.unit() * (max - min + 1))
  }

  between(min: number, max: number): number {
    return min + this.random.unit() * (max - min)
  }

  happens(probability: number): boolean {
    return this.random.unit() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.whole(0, items.length - 1)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }
}
