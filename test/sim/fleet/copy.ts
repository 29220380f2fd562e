/** One run of a replica as it truly is: the world knows it, the control loop has only what its driver tells. */
import { type Flaw, flawOf } from './release-kinds.ts'
import type { ReplicaExit, ReplicaOrder, SeenReplica } from '../../../src/fleet/driver.ts'

const mib = 2 ** 20
export const memoryBytesMax = 8 * 2 ** 30
const restingBytes = 2 * 2 ** 30
const bytesPerCall = 24 * mib
/** More wait in the engine's line. */
const callsAtOnceMax = 100

export interface CopyBirth {
  readonly order: ReplicaOrder
  readonly url: string
  readonly host: string
  /** By the wall clock of its driver's machine, and by the world's monotonic one. */
  readonly startedMs: number
  readonly bornMs: number
  readonly readyAtMs: number
}

export class Copy {
  readonly birth: CopyBirth
  readonly flaw: Flaw | null
  phase: SeenReplica['phase'] = 'starting'
  exit: ReplicaExit | null = null
  endedMs = 0
  /** Monotonic; `Infinity`: never. */
  readyAtMs: number
  isHung = false
  isWhollyHung = false
  hungSinceMs = 0
  /** It was ill once. */
  wasIll = false
  leakBytesPerMs = 0
  leakFromMs = 0

  // What the workers make of it.
  isMember = false
  isDraining = false
  drainedAtMs = 0
  weight = 0
  calls = 0
  /** Calls that have ended there, the last of them in part. */
  ended = 0
  progressedMs: number | null = null

  // What the control loop was told of it.
  listedPhase: SeenReplica['phase'] | null = null
  wasProbed = false
  isDeathTold = false
  isAdmissionTold = false
  isEndAsked = false
  listedDeadMs = 0

  #counted = 0
  #seen: SeenReplica | null = null
  #memoryBytes = restingBytes

  constructor(birth: CopyBirth) {
    this.birth = birth
    this.flaw = flawOf(birth.order.release)
    this.readyAtMs = birth.readyAtMs
  }

  get name(): string {
    return this.birth.order.name
  }

  get deployment(): string {
    return this.birth.order.deployment
  }

  get isAlive(): boolean {
    return this.phase !== 'gone'
  }

  isReadyAt(nowMs: number): boolean {
    return this.phase === 'running' && nowMs >= this.readyAtMs
  }

  /** Calls that ended there since this was asked last. */
  takeEnded(): number {
    const more = this.ended - this.#counted
    this.#counted = this.ended
    return more
  }

  /** It hangs no more. */
  recover(): void {
    if (!this.isHung) return
    this.wasIll = true
    this.isHung = this.isWhollyHung = false
  }

  /** As its driver has it; the same object as long as nothing has changed. */
  seen(): SeenReplica {
    return (this.#seen ??= this.#look())
  }

  change(phase: SeenReplica['phase'], exit: ReplicaExit | null = null): void {
    this.phase = phase
    this.exit = exit
    this.#seen = null
  }

  /** Measures its memory; true when that is more than it may have. */
  weigh(nowMs: number, noise: number): boolean {
    const leaked = this.leakBytesPerMs * Math.max(0, nowMs - this.leakFromMs)
    this.#memoryBytes = Math.round(
      restingBytes + bytesPerCall * Math.min(callsAtOnceMax, this.calls) + leaked + noise * 64 * mib,
    )
    this.#seen = null
    return this.#memoryBytes > memoryBytesMax
  }

  #look(): SeenReplica {
    const { order, url, host, startedMs } = this.birth
    const { name, deployment, release } = order
    const isUp = this.phase === 'running' || this.phase === 'stopping'
    const hasUrl = isUp || (host === 'process' && this.phase === 'gone')
    const memoryBytes = isUp ? this.#memoryBytes : null
    return {
      ...{ name, deployment, release, phase: this.phase, startedMs, host, memoryBytes, exit: this.exit },
      url: hasUrl || host === 'process' ? url : null,
    }
  }
}
