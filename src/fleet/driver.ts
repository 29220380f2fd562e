/** The contract of what starts and stops copies of a model: local processes, containers, pods. */

/** What a release says about how a replica is run; each driver has a schema of its own for it. */
export type Spec = Readonly<Record<string, unknown>>

export interface ReplicaOrder {
  /** `<deployment>-<release>-<n>`; also the name of its upstream. */
  readonly name: string
  readonly deployment: string
  readonly release: string
  /** The driver's own, as its schema gave it. */
  readonly spec: Spec
}

/** How a replica ended. */
export interface ReplicaExit {
  readonly code: number | null
  readonly signal: string | null
  readonly isOutOfMemory: boolean
  /** The end of what it wrote, for people; bounded by the driver. */
  readonly lastWords: string
}

/** The room that is left where it writes. */
export interface Disk {
  readonly path: string
  readonly freeBytes: number
  readonly bytes: number
}

export interface SeenReplica {
  readonly name: string
  readonly deployment: string
  readonly release: string
  readonly phase: 'starting' | 'running' | 'stopping' | 'gone'
  /** Where it serves, without a path; null while that is not known. */
  readonly url: string | null
  /** Milliseconds since 1970. */
  readonly startedMs: number
  readonly host: string
  /** Resident memory; null where it is not known. */
  readonly memoryBytes: number | null
  /** With so much it is killed, or the machine has no more for it; left out where that is not known. */
  readonly memoryBytesMax?: number | null
  /** Left out where it is not known. */
  readonly disk?: Disk | null
  /** Null while it lives. */
  readonly exit: ReplicaExit | null
}

export interface Driver extends AsyncDisposable {
  readonly kind: 'process' | 'docker' | 'kubernetes'
  /**
   * All replicas that bear our mark, those of an earlier process of ours too; recent dead ones with their exit.
   * @throws DriverFault
   */
  list(): Promise<SeenReplica[]>
  /** Idempotent by name. Resolves when the order is accepted, not when it is ready. @throws DriverFault */
  start(order: ReplicaOrder): Promise<void>
  /**
   * Asks it to end, kills it after `graceMs`; idempotent; resolves when it is gone with all its children.
   * @throws DriverFault
   */
  stop(name: string, graceMs: number): Promise<void>
  /** Hints that a look is worth it; `list` is the truth. */
  watch(onChange: () => void): Disposable
  /** The last lines that it wrote; empty where there are none. @throws DriverFault */
  logs(name: string, lines: number): Promise<string>
}
