/** Where WebSockets lead: to the realtime API, or to an application. The contract of both with who joins them. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import type { Tunnel } from '../../relay/wire/tunnel.ts'
import type { Peer } from '../address/visitors.ts'
import type { Asker } from './asker.ts'
import type { Meter } from './meter.ts'
import type { PassageEnd } from './passage.ts'

/** Somebody who asks for one, on the way. */
export interface Guest {
  readonly asker: Asker
  readonly ray: Ray
  readonly peer: Peer
  /** Monotonic. */
  readonly beganMs: number
  /** Takes a place among those of this key; empty for no key: of the address. @throws {Fault} where there is none */
  enter(caller: string): void
  /** Where the proof of work is asked of visitors, he has to have done it. @throws {Fault} HF_CHALLENGE */
  prove(): void
}

/** The other side is there. */
export interface Joined {
  readonly tunnel: Tunnel
  /** For the answer, names and values in turn. */
  readonly headers: readonly string[]
  readonly meter: Meter | null
  readonly hasExtensions: boolean
  /** Name of the caller's key; empty for none. */
  readonly caller: string
  readonly eventOf: (fault: Fault) => Buffer | null
  /** Rejects once its caller may have it no more; left out for nobody. */
  readonly check?: () => Promise<void>
  /** Once, when it is over. */
  settled(end: PassageEnd): void
}

/** It has answered without joining. */
export interface Declined {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

export interface Kind {
  /** Whether a request bears a key that is good. */
  knows(headers: IncomingHttpHeaders): boolean
  /** @throws {Fault} */
  join(guest: Guest): Promise<Joined | Declined>
  /** The account of one that was refused. */
  refused(guest: Guest, fault: Fault): void
}
