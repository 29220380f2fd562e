/** The quarantine of a gateway with one process and no disk. */
import {
  type Condemned,
  condemnedMax,
  deathsMax,
  type Quarantine,
  type ServerDeath,
  type SuspectTrace,
} from './quarantine.ts'

interface Death extends ServerDeath {
  isExplained: boolean
  readonly suspects: Map<string, SuspectTrace>
}

export class MemoryQuarantine implements Quarantine {
  #version = 0
  #deaths = new Map<string, Death>()
  #condemned = new Map<string, Condemned>()
  #wards = new Map<string, { readonly key: string; readonly untilMs: number }>()

  version(): number {
    return this.#version
  }

  note({ suspects, ...death }: Omit<ServerDeath, 'isExplained'>): void {
    this.#version++
    this.#deaths.set(death.id, { ...death, isExplained: false, suspects: new Map(suspects) })
    const [first] = this.#deaths.keys()
    if (this.#deaths.size > deathsMax && first !== undefined) this.#deaths.delete(first)
  }

  deaths(sinceMs: number): ServerDeath[] {
    return [...this.#deaths.values()].filter(({ atMs }) => atMs >= sinceMs).toSorted((a, b) => a.atMs - b.atMs)
  }

  acquit(key: string): void {
    this.#version++
    for (const { suspects } of this.#deaths.values()) suspects.delete(key)
    this.leave(key)
  }

  condemn(condemned: Omit<Condemned, 'refusedCount'>): boolean {
    const { key } = condemned
    if (this.#condemned.has(key)) return false
    this.#version++
    this.#condemned.set(key, { ...condemned, refusedCount: 0 })
    for (const death of this.#deaths.values()) death.isExplained ||= death.suspects.has(key)
    const [first] = this.#condemned.keys()
    if (this.#condemned.size > condemnedMax && first !== undefined) this.#condemned.delete(first)
    return true
  }

  condemned(nowMs: number): Condemned[] {
    for (const { key, untilMs } of this.#condemned.values()) if (untilMs <= nowMs) this.#condemned.delete(key)
    return [...this.#condemned.values()]
  }

  countRefusal(key: string): void {
    const before = this.#condemned.get(key)
    if (before) this.#condemned.set(key, { ...before, refusedCount: before.refusedCount + 1 })
  }

  release(keyPrefix: string): number {
    const keys = [...this.#condemned.keys()].filter((key) => key.startsWith(keyPrefix))
    for (const key of keys) {
      this.#condemned.delete(key)
      this.acquit(key)
    }
    return keys.length
  }

  enter(upstream: string, key: string, nowMs: number, untilMs: number): boolean {
    for (const [at, ward] of this.#wards) {
      if (ward.untilMs <= nowMs) this.#wards.delete(at)
      else if (at === upstream || ward.key === key) return false
    }
    this.#wards.set(upstream, { key, untilMs })
    return true
  }

  leave(key: string): void {
    for (const [at, ward] of this.#wards) if (ward.key === key) this.#wards.delete(at)
  }

  [Symbol.dispose](): void {}
}
