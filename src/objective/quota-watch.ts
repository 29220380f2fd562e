/** What the early warning of quotas knows of providers: refusals of a quarter of an hour, and what they say is left. */
import type { Condition } from '../alert/condition.ts'
import { RunningSums } from './running-sums.ts'
import type { QuotaCounts, Signs } from './signs.ts'
import { Bins } from './warning/bins.ts'
import { conditionsOf } from './warning/once-per-bin.ts'
import { quotaExhaustion } from './warning/quota-exhaustion.ts'

const binMs = 60_000
const binsMax = 15
const windowMs = binsMax * binMs
const upstreamsMax = 2000

type Sums = { -readonly [name in keyof QuotaCounts]: number }
const kinds = ['attempts', 'limited', 'spent'] as const

class Watched {
  /** By the minute, the latest last. */
  minutes: ({ atMs: number } & Sums)[] = []
  readonly left = new Bins(binMs, binsMax, 'min')

  add(nowMs: number, counts: Sums): void {
    const atMs = Math.floor(nowMs / binMs) * binMs
    const last = this.minutes.at(-1)
    if (last?.atMs === atMs) for (const kind of kinds) last[kind] += counts[kind]
    else this.minutes.push({ atMs, ...counts })
  }

  counts(nowMs: number): Sums {
    this.minutes = this.minutes.filter(({ atMs }) => atMs > nowMs - windowMs).slice(-2 * binsMax)
    const sums = { attempts: 0, limited: 0, spent: 0 }
    for (const minute of this.minutes) for (const kind of kinds) sums[kind] += minute[kind]
    return sums
  }
}

export class QuotaWatch {
  #sums = new RunningSums()
  #watched = new Map<string, Watched>()

  hear(worker: string, { quotas, quotasLeft }: Pick<Signs, 'quotas' | 'quotasLeft'>, nowMs: number): void {
    for (const [upstream, counts] of Object.entries(quotas)) {
      const more = { attempts: 0, limited: 0, spent: 0 }
      for (const kind of kinds) more[kind] = this.#sums.since(worker, `${upstream} ${kind}`, counts[kind])
      if (more.attempts > 0) this.#of(upstream)?.add(nowMs, more)
    }
    for (const [upstream, share] of Object.entries(quotasLeft)) this.#of(upstream)?.left.add(nowMs, share)
  }

  forget(worker: string): void {
    this.#sums.forget(worker)
  }

  look(nowMs: number): Condition[] {
    const cure = 'Ask the provider for more, add a key (`keys`) or a second provider, or let batch calls wait.'
    return [...this.#watched].flatMap(([upstream, watched]) => {
      const { x, y } = watched.left.series
      const isFresh = (x.at(-1) ?? 0) > nowMs - 3 * binMs
      const finding = quotaExhaustion(watched.counts(nowMs), isFresh ? { x, y } : { x: [], y: [] })
      return conditionsOf(finding, 'QuotaExhaustion', { upstream }, `the upstream ${upstream}`, cure)
    })
  }

  #of(upstream: string): Watched | null {
    let watched = this.#watched.get(upstream)
    if (!watched) {
      if (this.#watched.size >= upstreamsMax) return null
      this.#watched.set(upstream, (watched = new Watched()))
    }
    return watched
  }
}
