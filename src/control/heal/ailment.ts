/** What is seen of replicas, and what can ail them. Times are those of one steady clock. */
import type { Disk } from '../../fleet/driver.ts'
import type { Deaths } from './deaths.ts'

export const ailments = ['crash-loop', 'hang', 'leak', 'bad-deploy', 'flapping', 'disk-full'] as const
export type Ailment = (typeof ailments)[number]

/** `replace`: another is started first, then it is drained and stopped. */
export type Remedy = 'replace' | 'rest' | 'rollback' | 'tell'

export interface Finding {
  readonly ailment: Ailment
  readonly remedy: Remedy
  /** In words, with the numbers. */
  readonly evidence: string
}

export interface ReplicaView {
  readonly name: string
  readonly deployment: string
  readonly release: string
  readonly phase: 'starting' | 'running' | 'stopping' | 'gone'
  /** It gets calls. */
  readonly isServing: boolean
  /** It goes by our own wish. */
  readonly isLeaving: boolean
  readonly startedMs: number
  /** Ours, in hand there now. */
  readonly calls: number
  /** When any of its answers last got on, by our own count; null while none has. */
  readonly progressedMs: number | null
  /** When what is told of calls and progress was told. */
  readonly toldMs: number
  /** Since when workers give it no calls for what they saw of it; null while they do. */
  readonly out: { readonly sinceMs: number; readonly isHung: boolean; readonly reason: string } | null
  /** Since when its health page has not answered; null while it does. */
  readonly silentSinceMs: number | null
  readonly memoryBytes: number | null
  readonly memoryBytesMax: number | null
  /** Its deaths in a row; null for none. */
  readonly deaths: Deaths | null
  /** Of its calls since its start: all that ended, and those that failed by its fault. */
  readonly ended: number
  readonly failed: number
  /** Null where it is not known. */
  readonly disk: Disk | null
}
