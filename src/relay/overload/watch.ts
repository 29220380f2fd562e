/** Looks at this process every quarter of a second, tells the pressure, and says in the log what changes. */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { Recorder } from '../../observe/recorder.ts'
import type { Room, Vitals } from '../../observe/vital-signs.ts'
import { LoopDelay } from './loop-delay.ts'
import type { Pressure, Rung, StoreRung } from './pressure.ts'
import type { ProtectionOptions } from './protection.ts'
import { diskShare, loopShare, shareOf } from './share.ts'

const lookPeriodMs = 250
/** The disk is asked less often than memory is. */
const roomPeriodMs = 2000
/** From this share of memory on there are full collections: so often, and in at most a twentieth of all time. */
const collectShare = 0.85
const collectPeriodMs = 2000
const collectPauseMin = 20
/** As long as the disk is short, the files are made compact once in this time. */
const compactPeriodMs = 15_000

/** What is looked at. */
export interface WatchSources {
  readonly vitals: () => Vitals
  /** Null where it is not known, or nothing lies on a disk. */
  readonly room: () => Promise<Room | null>
  readonly connections: () => number
  readonly connectionsMax: number
  /** Bytes of the journal that live answers hold, and all that it may hold. */
  readonly journalBytes: () => number
  readonly journalBytesMax: number
  /** Resident memory that this process may take. */
  readonly memoryBytesMax: number
}

export interface WatchParts {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Recorder
  readonly pressure: Pressure
  readonly options: ProtectionOptions
  readonly sources: WatchSources
  /** Memory is short: what is not needed is to be given back to the system. */
  readonly collect: () => void
  /** The disk is short: the files are to give back what they do not need. */
  readonly compact: () => void
  /** A rung has changed. */
  readonly onChange: () => void
}

const words: Readonly<Record<Rung, string>> = {
  calm: 'all measures are lifted',
  trim: 'nothing is cached',
  part: 'connections close behind their answers',
  shed: 'batch calls are refused',
  refuse: 'new calls are refused; what is under way goes on',
}
const storeWords: Readonly<Record<StoreRung, string>> = {
  calm: '',
  compact: 'the files are made compact',
  full: 'new calls are refused, for their answers could not be kept',
}

export class Watch implements Disposable {
  #parts: WatchParts
  #delay: LoopDelay
  #timers: Timer[]
  #room: Room | null = null
  #isAskingRoom = false
  #compactedMs = Number.NEGATIVE_INFINITY
  #collectNextMs = Number.NEGATIVE_INFINITY

  constructor(parts: WatchParts) {
    this.#parts = parts
    const { clock, options } = parts
    this.#delay = new LoopDelay(clock)
    this.#timers = [clock.every(lookPeriodMs, () => this.#look())]
    if (options.diskFreeBytesMin > 0) {
      this.#timers.push(clock.every(roomPeriodMs, () => void this.#askRoom()))
      void this.#askRoom()
    }
  }

  [Symbol.dispose](): void {
    this.#delay[Symbol.dispose]()
    for (const timer of this.#timers) timer.cancel()
  }

  async #askRoom(): Promise<void> {
    // A disk that does not answer holds one of the few I/O threads, and not more with each question.
    if (this.#isAskingRoom) return
    this.#isAskingRoom = true
    this.#room = await this.#parts.sources.room()
    this.#isAskingRoom = false
  }

  #look(): void {
    const { clock, pressure, sources, options, onChange } = this.#parts
    const { heapBytes, heapBytesMax, residentBytes } = sources.vitals()
    const nowMs = clock.monotonicMs()
    const shares = {
      heap: shareOf(heapBytes, heapBytesMax),
      memory: shareOf(residentBytes, sources.memoryBytesMax),
      loop: loopShare(this.#delay.look(), options.loopDelayMs),
      connections: shareOf(sources.connections(), sources.connectionsMax),
      disk: this.#room ? diskShare(this.#room.freeBytes, this.#room.totalBytes, options.diskFreeBytesMin) : 0,
      journal: shareOf(sources.journalBytes(), sources.journalBytesMax),
    }
    const before = pressure.rung
    if (pressure.look(shares, nowMs)) {
      this.#tell(before)
      onChange()
    }
    this.#relieve(nowMs)
  }

  #relieve(nowMs: number): void {
    const { clock, pressure, collect, compact } = this.#parts
    if (pressure.shares.memory >= collectShare && nowMs >= this.#collectNextMs) {
      collect()
      const afterMs = clock.monotonicMs()
      this.#collectNextMs = afterMs + Math.max(collectPeriodMs, collectPauseMin * (afterMs - nowMs))
    }
    if (pressure.storeRung !== 'calm' && nowMs - this.#compactedMs >= compactPeriodMs) {
      this.#compactedMs = nowMs
      compact()
    }
  }

  #tell(before: Rung): void {
    const { log, recorder, pressure } = this.#parts
    const { rung, storeRung, reason, shares } = pressure
    const facts = { rung, store: storeRung, ...(reason && { resource: reason, share: round(shares[reason]) }), before }
    const share = reason ? shares[reason] : 0
    recorder.note({ kind: 'pressure', rung, rungBefore: before, store: storeRung, resource: reason, share })
    const measures = [rung === 'calm' && storeRung !== 'calm' ? '' : words[rung], storeWords[storeRung]]
    const text = measures.filter((each) => each !== '').join('; ')
    if (rung === 'calm' && storeRung === 'calm') log.info(facts, `the pressure is off: ${text}`)
    else log.warn(facts, `under pressure: ${text}`)
  }
}

function round(share: number): number {
  return Math.round(share * 100) / 100
}
