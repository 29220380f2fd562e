/** The last few of what there was, by key. */
import type { Ray } from '../fault/ray.ts'

export class Recent {
  #rays = new Map<string, Ray>()
  #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  has(key: string): boolean {
    return this.#rays.has(key)
  }

  /** Lets go of the oldest when there are too many. */
  add(key: string, ray: Ray): void {
    this.#rays.delete(key)
    this.#rays.set(key, ray)
    for (const oldest of this.#rays.keys()) {
      if (this.#rays.size <= this.#countMax) return
      this.#rays.delete(oldest)
    }
  }

  /** Gives it, and forgets it. */
  take(key: string): Ray | null {
    const ray = this.#rays.get(key) ?? null
    this.#rays.delete(key)
    return ray
  }
}
