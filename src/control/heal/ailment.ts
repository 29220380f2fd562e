/** What is seen of replicas, and what can ail them. */

export const ailments = ['crash-loop', 'hang', 'leak', 'bad-deploy', 'flapping', 'disk-full', 'certificate'] as const
export type Ailment = (typeof ailments)[number]

/** `replace`: another is started first, then it is drained and stopped; `quarantine`: it goes, and none in its place. */
export type Remedy = 'replace' | 'quarantine' | 'rest' | 'rollback' | 'tell'

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
  readonly startedMs: number
  /** Ours, in hand there now. */
  readonly calls: number
  /** When any of its answers last got on, by our own count; null while none has. */
  readonly progressedMs: number | null
  /** When what is told of calls and progress was told. */
  readonly toldMs: number
  readonly memoryBytes: number | null
  readonly memoryBytesMax: number | null
  /** How it ended; null while it lives. */
  readonly exit: {
    readonly code: number | null
    readonly signal: string | null
    readonly isOutOfMemory: boolean
    readonly lastWords: string
  } | null
  /** Of its calls since its start: all that ended, and those that failed by its fault. */
  readonly ended: number
  readonly failed: number
  /** Of its disk and certificate, where they are known. */
  readonly diskFreeBytes: number | null
  readonly certificateEndsMs: number | null
}
