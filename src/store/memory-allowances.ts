/** What keys have used, where one process is the whole gateway and keeps nothing on the disk. */
import type { Clock } from '../ground/clock.ts'
import {
  type AllowanceKind,
  type AllowanceStore,
  type Ask,
  decide,
  type Return,
  type Taken,
  type Used,
  usedAfter,
  usedNow,
} from './allowance-store.ts'

interface Kept extends Used {
  readonly limit: number
}

interface Account {
  callsLive: number
  readonly used: Map<AllowanceKind, Kept>
}

export class MemoryAllowances implements AllowanceStore {
  #clock: Clock
  /** One a key that is limited: as many as there are keys. */
  #accounts = new Map<string, Account>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  take(ask: Ask): Taken {
    const nowMs = this.#clock.nowMs()
    const account = this.#open(ask.key)
    const { taken, writes } = decide(ask, account.callsLive, (kind) => account.used.get(kind), nowMs)
    for (const { kind, amount, limit } of writes) account.used.set(kind, { amount, atMs: nowMs, limit })
    if (taken.isGranted && ask.callsMax !== null) account.callsLive++
    return taken
  }

  give({ key, amounts, isOver }: Return): void {
    const account = this.#open(key)
    const nowMs = this.#clock.nowMs()
    if (isOver) account.callsLive = Math.max(0, account.callsLive - 1)
    for (const { kind, amount, limit } of amounts) {
      const used = usedNow(kind, limit, account.used.get(kind), nowMs)
      account.used.set(kind, { amount: usedAfter(used, amount), atMs: nowMs, limit })
    }
  }

  /** There are no others. */
  bury(): void {}

  used(key?: string): Map<string, Map<AllowanceKind, number>> {
    const nowMs = this.#clock.nowMs()
    const all = [...this.#accounts].filter(([name]) => key === undefined || name === key)
    return new Map(
      all.map(([name, { used }]) => [
        name,
        new Map([...used].map(([kind, each]) => [kind, usedNow(kind, each.limit, each, nowMs)])),
      ]),
    )
  }

  [Symbol.dispose](): void {}

  #open(key: string): Account {
    let account = this.#accounts.get(key)
    if (!account) {
      account = { callsLive: 0, used: new Map() }
      this.#accounts.set(key, account)
    }
    return account
  }
}
