/**
 * Which requests are suspected of killing model servers, and which are in quarantine for it: the contract of where that
 * is kept, for all workers of a gateway. Requests are told by a hash; nothing of what they say is kept.
 */

/** How far a request had got at a server when that died. */
export interface SuspectTrace {
  /** Pieces of its answer until then, those of servers before included. */
  readonly place: number
  /** Since it was sent there, milliseconds. */
  readonly ageMs: number
  /** Where it is not, `place` says nothing. */
  readonly isStream: boolean
  readonly ray: string
}

/** A model server died, and what it had in hand then. */
export interface ServerDeath {
  /** Of the process that saw it. */
  readonly id: string
  readonly upstream: string
  readonly atMs: number
  /** A request that is in quarantine now was there. */
  readonly isExplained: boolean
  readonly suspects: ReadonlyMap<string, SuspectTrace>
}

export interface Condemned {
  readonly key: string
  readonly model: string
  readonly route: string
  /** Of the call that was there when the last of them died. */
  readonly ray: string
  readonly atMs: number
  /** In quarantine until then, milliseconds since 1970. */
  readonly untilMs: number
  /** The servers that died with it. */
  readonly upstreams: readonly string[]
  /** Calls that were answered with it since. */
  readonly refusedCount: number
}

export interface Quarantine extends Disposable {
  /** Changes with every change of what is kept, by whichever process. */
  version(): number
  /** A death, or more of what was in hand at it. */
  note(death: Omit<ServerDeath, 'isExplained'>): void
  /** Since then, the first first. */
  deaths(sinceMs: number): ServerDeath[]
  /** It lives on at another server, so it was none of its doing. */
  acquit(key: string): void
  /** False when it was condemned before. */
  condemn(condemned: Omit<Condemned, 'refusedCount'>): boolean
  /** Those whose time is not over. */
  condemned(nowMs: number): Condemned[]
  countRefusal(key: string): void
  /** One that begins so, or all; how many. */
  release(keyPrefix: string): number
  /** A suspect asks to be the only one at this server until then; false while another is. */
  enter(upstream: string, key: string, nowMs: number, untilMs: number): boolean
  leave(key: string): void
}

/** Deaths and condemned requests that are kept; the first make place. */
export const deathsMax = 200
export const condemnedMax = 1000
