/** What the control loop knows of one replica beside what its driver says. */

import type { Driver, SeenReplica } from '../fleet/driver.ts'
import { countDeath } from './heal/crash-loop.ts'
import type { Deaths } from './heal/deaths.ts'

export class KnownReplica {
  readonly name: string
  /** Who runs it; null before it was seen. */
  driver: Driver | null = null
  membership: 'out' | 'in' | 'draining' = 'out'
  weight = 0
  isReady = false
  isBusy = false
  isProbing = false
  /** Since it gets no new calls, on the monotonic clock. */
  drainedAtMs = 0
  /** Of the copy that runs now: when its driver says it was started, and when it was first seen, monotonic. */
  startedMs = 0
  seenAtMs = 0
  readyAtMs: number | null = null
  /** When its health page was asked last, and since when it has not answered; monotonic. */
  askedAtMs = 0
  silentSinceMs: number | null = null
  /** In a row; null for none. */
  deathsSeen: Deaths | null = null
  /** The copy whose end was told. */
  toldStartedMs = -1
  /** Where it got calls when the control process before this one died; null once it was seen, and for all others. */
  adoptedUrl: string | null = null

  constructor(name: string) {
    this.name = name
  }

  /** Another copy than before runs under the name. */
  see({ startedMs, url }: Pick<SeenReplica, 'startedMs' | 'url'>, nowMs: number): void {
    if (startedMs === this.startedMs) return
    const isAdopted = this.adoptedUrl !== null && (url === null || this.adoptedUrl.startsWith(url))
    this.adoptedUrl = null
    this.startedMs = startedMs
    this.seenAtMs = nowMs
    this.readyAtMs = null
    this.silentSinceMs = null
    if (isAdopted) return
    // It has to show that it is ready, as any newcomer.
    this.isReady = false
    this.membership = 'out'
  }

  get deaths(): number {
    return this.deathsSeen?.inRow ?? 0
  }

  get restUntilMs(): number {
    return this.deathsSeen?.restUntilMs ?? 0
  }

  get lastWords(): string {
    return this.deathsSeen?.lastWords ?? ''
  }

  /** It has died, or was not fit. Returns for how long it rests. */
  die(how: string, lastWords: string, nowMs: number): number {
    const servedMs = this.readyAtMs === null ? 0 : nowMs - this.readyAtMs
    const { startedMs } = this
    this.deathsSeen = countDeath(this.deathsSeen, { startedMs, servedMs, how, lastWords }, nowMs)
    this.isReady = false
    this.membership = 'out'
    this.readyAtMs = null
    return this.restUntilMs - nowMs
  }
}
