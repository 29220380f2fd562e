/**
 * Looks at the replicas through their drivers. A driver that errs, or does not answer, blinds us to its own replicas
 * alone: of these what was seen last is kept, and nothing is done about them.
 */
import type { Driver, SeenReplica } from '../fleet/driver.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'

/** A driver that has not answered by then is as good as away. */
const answerMs = 10_000
const lateWords = `no answer within ${answerMs} ms`

export class Lookout {
  /** What was seen last, by driver. */
  #seen = new Map<Driver, readonly SeenReplica[]>()
  #looks = new Map<Driver, Promise<readonly SeenReplica[]>>()
  #blind = new Map<Driver, string>()
  #drivers: readonly Driver[]
  #clock: Clock
  #log: Log

  constructor(drivers: readonly Driver[], clock: Clock, log: Log) {
    this.#drivers = drivers
    this.#clock = clock
    this.#log = log
  }

  /** Whether all drivers have been seen through once. */
  get hasSeenAll(): boolean {
    return this.#seen.size === this.#drivers.length
  }

  isBlind(driver: Driver | null | undefined): boolean {
    return !!driver && this.#blind.has(driver)
  }

  /** All that can be seen, and what was last seen of the others; each with its driver. Never rejects. */
  async look(): Promise<[SeenReplica, Driver][]> {
    await Promise.all(this.#drivers.map((driver) => this.#lookBy(driver)))
    const names = new Set<string>()
    return this.#drivers.flatMap((driver) =>
      (this.#seen.get(driver) ?? []).flatMap((seen): [SeenReplica, Driver][] => {
        // One that two tell of, or one twice, is the first.
        if (names.has(seen.name)) return []
        names.add(seen.name)
        return [[seen, driver]]
      }),
    )
  }

  async #lookBy(driver: Driver): Promise<void> {
    try {
      this.#seen.set(driver, await this.#answerOf(driver))
      if (this.#blind.delete(driver)) this.#log.info({ driver: driver.kind }, 'replicas can be seen again')
    } catch (error) {
      const { message } = error as Error
      if (this.#blind.get(driver) !== message)
        this.#log.warn({ driver: driver.kind, detail: message }, 'replicas cannot be seen')
      this.#blind.set(driver, message)
    }
  }

  /** One look at a time: nobody waits again for one that was too late. */
  #answerOf(driver: Driver): Promise<readonly SeenReplica[]> {
    if (this.#looks.has(driver)) throw new Error(lateWords)
    const look = driver.list().finally(() => this.#looks.delete(driver))
    this.#looks.set(driver, look)
    return new Promise((resolve, reject) => {
      const late = this.#clock.after(answerMs, () => reject(new Error(lateWords)))
      look.then(resolve, reject).finally(() => late.cancel())
    })
  }
}
