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

  /** Of two with one name at different drivers, those that do not count. */
  readonly doubles: [SeenReplica, Driver][] = []

  /** All that can be seen, and what was last seen of the others; each with its driver. Never rejects. */
  async look(): Promise<[SeenReplica, Driver][]> {
    await Promise.all(this.#drivers.map((driver) => this.#lookBy(driver)))
    this.doubles.length = 0
    const byName = new Map<string, [SeenReplica, Driver]>()
    for (const driver of this.#drivers)
      for (const seen of this.#seen.get(driver) ?? []) {
        const other = byName.get(seen.name)
        const isBetter = !other || counts(seen, other[0])
        if (isBetter) byName.set(seen.name, [seen, driver])
        const worse: [SeenReplica, Driver] | undefined = isBetter ? other : [seen, driver]
        if (worse && other && other[1] !== driver && !this.isBlind(worse[1])) this.doubles.push(worse)
      }
    return [...byName.values()]
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

/** Of two with one name that counts which lives; of two that live, and of two dead ones, the younger. */
function counts(one: SeenReplica, other: SeenReplica): boolean {
  if ((one.phase === 'gone') !== (other.phase === 'gone')) return other.phase === 'gone'
  return one.startedMs > other.startedMs
}
