/**
 * Keeps the record's file in bounds, in the one process that carries no traffic: forgets by age and by size, a little
 * at a time.
 */
import type { Clock, Timer } from '../ground/clock.ts'
import type { FactKind } from '../observe/fact.ts'
import { isBusy } from './sqlite-file.ts'
import { placesPerMs, RecordFile } from './sqlite-record-file.ts'
import type { RecordOptions } from './record-options.ts'

const sweepPeriodMs = 15_000
const stepPauseMs = 5
const busyPauseMs = 50
const stepsMax = 10_000
/** Facts that one step forgets. */
const stepFacts = 500
/** Forgetting for want of room goes on down to this share of it. */
const easedShare = 0.95
/** Calls to which nothing happened are left this long, even where room is short. */
const spareMs = 60_000

/** What calls leave in the record. */
const callKinds: readonly string[] = ['call', 'seam', 'client', 'adoption'] satisfies FactKind[]

interface Crowd {
  readonly kind: string
  readonly code: string | null
  count: number
}

/** Does a little; true when there is more to do. */
type Step = () => boolean

export type SweepLimits = Pick<RecordOptions, 'keepMs' | 'keepUneventfulMs' | 'totalBytesMax'>

export class RecordSweep implements Disposable {
  readonly #file: RecordFile
  readonly #clock: Clock
  readonly #limits: SweepLimits
  readonly #timer: Timer
  #isRunning = false
  #isClosed = false
  #isCrowded = false
  /** Facts of calls, by kind and fault; counted when room is made, null before. */
  #crowds: Crowd[] | null = null

  constructor(path: string, clock: Clock, limits: SweepLimits) {
    this.#file = new RecordFile(path, clock)
    this.#clock = clock
    this.#limits = limits
    this.#timer = clock.every(sweepPeriodMs, () => this.#sweep())
  }

  /** Of the file, without what is free in it. */
  get usedBytes(): number {
    const file = this.#file.now
    const [pages, free, size] = ['page_count', 'freelist_count', 'page_size'].map((name) =>
      Number(file.sql(`PRAGMA ${name}`).get()?.[name]),
    ) as [number, number, number]
    return (pages - free) * size
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer.cancel()
    this.#file.close()
  }

  #sweep(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#crowds = null
    const { keepMs, keepUneventfulMs } = this.#limits
    this.#go(
      [
        () => this.#forget('rank = 0', keepUneventfulMs) > 0,
        () => this.#forget('true', keepMs) > 0,
        () => this.#makeRoom(),
      ],
      stepsMax,
    )
  }

  #go(steps: Step[], left: number): void {
    const [step] = steps
    if (this.#isClosed || !step || left === 0) {
      this.#isRunning = false
      return
    }
    let pauseMs = stepPauseMs
    try {
      if (!this.#file.now.write(step)) steps.shift()
    } catch (cause) {
      if (isBusy(cause)) pauseMs = busyPauseMs
      else steps.shift()
    }
    this.#clock.after(pauseMs, () => this.#go(steps, left - 1))
  }

  #makeRoom(): boolean {
    const { totalBytesMax } = this.#limits
    const { usedBytes } = this
    if (usedBytes > totalBytesMax) this.#isCrowded = true
    if (usedBytes <= totalBytesMax * easedShare) this.#isCrowded = false
    if (!this.#isCrowded) return false
    return this.#forget('rank = 0', spareMs) > 0 || this.#forgetOfCrowd() > 0 || this.#forget('true', 0) > 0
  }

  /** Of what is there most, the oldest: a flood of one fault washes away its own beginning, and not the others. */
  #forgetOfCrowd(): number {
    this.#crowds ??= this.#countCrowds()
    const most = this.#crowds.reduce((a, b) => (b.count > a.count ? b : a), { kind: '', code: null, count: 0 })
    if (most.count === 0) return 0
    const file = this.#file.now
    const which = `kind = ? AND code ${most.code === null ? 'IS NULL' : '= ?'} AND rank = 1 ORDER BY id LIMIT ${stepFacts}`
    const wanted = most.code === null ? [most.kind] : [most.kind, most.code]
    const forget = file.sql(`DELETE FROM fact WHERE id IN (SELECT id FROM fact WHERE ${which})`)
    const count = Number(forget.run(...wanted).changes)
    // What was not counted rightly is not tried again in this pass.
    most.count = count < stepFacts ? 0 : most.count - count
    return Math.max(count, 1)
  }

  /** From indexes alone: some ten milliseconds for a million. */
  #countCrowds(): Crowd[] {
    const file = this.#file.now
    const coded = file
      .sql('SELECT kind, code, count(*) AS count FROM fact WHERE code IS NOT NULL GROUP BY code, kind')
      .all() as unknown as Crowd[]
    const of = coded.filter(({ kind }) => callKinds.includes(kind)).map((each) => ({ ...each }))
    const all = file.sql('SELECT count(*) AS count FROM fact WHERE kind = ?')
    const uncoded = callKinds.map((kind) => {
      const sum = of.reduce((total, each) => total + (each.kind === kind ? each.count : 0), 0)
      return { kind, code: null, count: Number(all.get(kind)?.['count']) - sum }
    })
    return [...of, ...uncoded]
  }

  /** Forgets the oldest of those that are older than this; how many. */
  #forget(which: string, ageMs: number): number {
    const limit = (this.#clock.nowMs() - ageMs) * placesPerMs
    const sql = `DELETE FROM fact WHERE id IN (SELECT id FROM fact WHERE ${which} AND id < ? ORDER BY id LIMIT ${stepFacts})`
    return Number(this.#file.now.sql(sql).run(limit).changes)
  }
}
