/** A simulated model server towards the network: what it is, and its end of a connection. */
import type { Profile } from '../../lab/profile.ts'
import type { UpstreamKind } from '../../src/fleet/upstream-kind.ts'
import type { WireRequest } from '../../src/relay/wire/wire.ts'
import type { SimProcess } from './sim-process.ts'

/** What a server sends on one connection. `reset` breaks it, and what is on the way may be lost. */
export type ServerAnswer =
  | { readonly kind: 'head'; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' | 'reset' }

/** A connection as its server sees it. */
export interface ServerSide {
  readonly request: WireRequest
  readonly by: SimProcess
  send(answer: ServerAnswer): void
  onGone: () => void
}

export interface ServerTraits {
  /** What it is. */
  readonly profile: Profile
  /** What the gateways believe that it is. */
  readonly kind: UpstreamKind
  /** Repeats the beginning that it is to continue. */
  readonly echoesPrefix: boolean
  readonly firstTokenMs: number
  readonly tokenMs: number
}
