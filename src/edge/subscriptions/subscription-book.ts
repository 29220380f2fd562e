/** Where subscriptions are kept: a note each, changed only by whoever has seen its latest state. */
import { Fault } from '../../fault/fault.ts'
import type { StreamStore } from '../../store/stream-store.ts'
import { storeKey } from '../durable-streams/stream-target.ts'
import { dueMs, refreshLinks, type Subscription, type Tails } from './subscription.ts'

const prefix = 'subscription/'
/** Others may be changing it too; one of them always gets on, so that many tries are too many. */
const triesMax = 50

export interface Named {
  readonly caller: string
  readonly id: string
}

export class SubscriptionBook {
  #store: StreamStore
  /** Subscriptions as they were read, by key; a newer version replaces them. */
  #known = new Map<string, { version: number; subscription: Readonly<Subscription> }>()
  #knownMax: number

  constructor(store: StreamStore, knownMax: number) {
    this.#store = store
    this.#knownMax = knownMax
  }

  async get(named: Named): Promise<Subscription | null> {
    const note = await this.#store.notes.get(keyOf(named))
    return note ? parse(note.value) : null
  }

  /** Those of a caller, or of all; for reading only. */
  async all(caller: string | null, countMax: number): Promise<readonly Readonly<Subscription>[]> {
    const listed = await this.#store.notes.list(caller === null ? prefix : `${prefix}${caller}/`, countMax)
    const found = await Promise.all(listed.map(({ key, version }) => this.#recall(key, version)))
    return found.filter((each) => each !== null)
  }

  /** Of those that are due, whose they are. */
  async due(nowMs: number, countMax: number): Promise<readonly Named[]> {
    const keys = await this.#store.notes.due(nowMs, countMax)
    return keys.filter((key) => key.startsWith(prefix)).map(namedOf)
  }

  /** False when there is one already. */
  create(subscription: Subscription): Promise<boolean> {
    return this.#store.notes.put(keyOf(subscription), 0, JSON.stringify(subscription), dueMs(subscription))
  }

  async remove(named: Named): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      const note = await this.#store.notes.get(keyOf(named))
      if (!note || (await this.#store.notes.put(keyOf(named), note.version, null, null))) return
    }
    throw busy()
  }

  /**
   * Changes one: `act` gets it, and where its streams and those of `names` end, and may be called more than once; what
   * it returns counts once. Null when there is none.
   */
  async change<T>(
    named: Named,
    names: readonly string[],
    act: (subscription: Subscription, tails: Tails) => T,
  ): Promise<T | null> {
    for (let tries = 0; tries < triesMax; tries++) {
      const note = await this.#store.notes.get(keyOf(named))
      if (!note) return null
      const subscription = parse(note.value)
      const tails = await this.tails(named.caller, [...Object.keys(subscription.links), ...names])
      refreshLinks(subscription, tails)
      const result = act(subscription, tails)
      const value = JSON.stringify(subscription)
      if (value === note.value) return result
      if (await this.#store.notes.put(keyOf(named), note.version, value, dueMs(subscription))) return result
    }
    throw busy()
  }

  async tails(caller: string, names: readonly string[]): Promise<Tails> {
    const found = await Promise.all(names.map((name) => this.#store.look(storeKey(caller, name))))
    return new Map(
      found.flatMap((info, i) =>
        typeof info === 'string' ? [] : [[names[i] as string, { id: info.id, tail: info.tail }]],
      ),
    )
  }

  async #recall(key: string, version: number): Promise<Readonly<Subscription> | null> {
    const known = this.#known.get(key)
    if (known?.version === version) return known.subscription
    const note = await this.#store.notes.get(key)
    if (!note) return null
    if (this.#known.size >= this.#knownMax) this.#known.clear()
    const subscription = parse(note.value)
    this.#known.set(key, { version: note.version, subscription })
    return subscription
  }
}

function keyOf({ caller, id }: Named): string {
  return `${prefix}${caller}/${id}`
}

function namedOf(key: string): Named {
  const [caller = '', id = ''] = key.slice(prefix.length).split('/', 2)
  return { caller, id }
}

function parse(value: string): Subscription {
  return JSON.parse(value) as Subscription
}

function busy(): Fault {
  return new Fault('HF_STREAM_BUSY', { detail: 'too many change this subscription at once', retryAfterMs: 1000 })
}
