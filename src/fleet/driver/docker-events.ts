/** What the engine tells of our containers while it happens. A stream that ends is begun again, later each time. */
import type { Clock } from '../../ground/clock.ts'
import { Rewatch } from './rewatch.ts'
import type { DockerEngine } from './docker-engine.ts'

export class DockerEvents implements Disposable {
  #listeners = new Set<() => void>()
  #watch: Rewatch

  /** @param label that our containers bear, `key=value` */
  constructor(engine: DockerEngine, clock: Clock, label: string) {
    const query = { filters: { type: ['container'], label: [label] } }
    this.#watch = new Rewatch(
      clock,
      async (signal) => await engine.follow({ path: '/events', query }, () => this.tell(), signal),
      // Whatever happened while nobody looked.
      () => this.tell(),
    )
  }

  watch(onChange: () => void): Disposable {
    const listener = (): void => onChange()
    this.#listeners.add(listener)
    this.#watch.begin()
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener)
        if (this.#listeners.size === 0) this.#watch.end()
      },
    }
  }

  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  [Symbol.dispose](): void {
    this.#listeners.clear()
    this.#watch.end()
  }
}
