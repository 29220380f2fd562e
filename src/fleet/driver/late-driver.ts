/** A driver that is opened when it is first wanted, so that its library costs nobody who has no use for it. */
import type { Driver, ReplicaOrder, SeenReplica } from '../driver.ts'

export class LateDriver implements Driver {
  readonly kind: Driver['kind']
  #isWanted: () => boolean
  #open: () => Promise<Driver>
  #driver: Promise<Driver> | null = null
  #listeners = new Map<() => void, Disposable | null>()

  /** @param isWanted whether a deployment names it; until then it has no replicas and asks nobody */
  constructor(kind: Driver['kind'], isWanted: () => boolean, open: () => Promise<Driver>) {
    this.kind = kind
    this.#isWanted = isWanted
    this.#open = open
  }

  async list(): Promise<SeenReplica[]> {
    if (!this.#driver && !this.#isWanted()) return []
    return await (await this.#opened()).list()
  }

  async start(order: ReplicaOrder): Promise<void> {
    await (await this.#opened()).start(order)
  }

  async stop(name: string, graceMs: number): Promise<void> {
    await (await this.#opened()).stop(name, graceMs)
  }

  watch(onChange: () => void): Disposable {
    const listener = (): void => onChange()
    this.#listeners.set(listener, null)
    const follow = (driver: Driver): void => {
      if (this.#listeners.has(listener)) this.#listeners.set(listener, driver.watch(listener))
    }
    void this.#driver?.then(follow, () => {})
    return {
      [Symbol.dispose]: () => {
        this.#listeners.get(listener)?.[Symbol.dispose]()
        this.#listeners.delete(listener)
      },
    }
  }

  async logs(name: string, lines: number): Promise<string> {
    return await (await this.#opened()).logs(name, lines)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#listeners.values()) watch?.[Symbol.dispose]()
    this.#listeners.clear()
    const driver = await this.#driver?.catch(() => null)
    await driver?.[Symbol.asyncDispose]()
  }

  /** One that could not be opened is opened anew at the next question. */
  async #opened(): Promise<Driver> {
    this.#driver ??= this.#open().then(
      (driver) => {
        for (const listener of this.#listeners.keys()) this.#listeners.set(listener, driver.watch(listener))
        return driver
      },
      (error: unknown) => {
        this.#driver = null
        throw error
      },
    )
    return await this.#driver
  }
}
