/**
 * Deaths by order: at which step of an answer a worker is to die. The orders lie in a folder that the test and the
 * workers share; a worker that carries one out says so there first, so that each is carried out once in all.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Name of the environment variable that tells a worker the folder. */
export const folderVariable = 'HOLDFAST_TEST_DEATHS'

/** The steps of an answer, in order, each with what has happened by then. */
export const steps = {
  taken: 'the request is read, nothing is begun',
  begun: 'the answer is begun, not committed',
  'begin-uncommitted': 'the beginning is written, before its commit',
  unasked: 'the beginning is committed, the upstream is not asked yet',
  head: 'the head of the upstream has come',
  unappended: 'before the append of an event',
  appended: 'between append and commit',
  'event-uncommitted': 'the event is written, before its commit',
  'event-committed': 'between commit and wire',
  torn: 'half of a write to the caller is out',
  written: 'the write to the caller is out',
  broken: 'the upstream has broken off',
  'next-leg': 'at the seam, before the next upstream is asked',
  'leg-event': 'behind the first event of the next upstream',
  unsealed: 'before the seal',
  sealed: 'between seal and commit',
  'seal-uncommitted': 'the seal is written, before its commit',
  'seal-committed': 'the seal is committed, the end mark is not out',
  unended: 'the end mark is out, the connection is not ended',
  'beat-uncommitted': 'a sign of life is written, before its commit',
  'beat-committed': 'a sign of life is committed',
  'bury-uncommitted': 'the dead worker is buried, before the commit',
  'bury-committed': 'the dead worker is buried, nothing is adopted',
  'lease-uncommitted': 'the lease is taken, before the commit',
  'lease-committed': 'the lease is taken, nothing is read',
  adopted: 'the answer is read, nothing is appended',
  'sweep-uncommitted': 'at the end of a sweep, before its commit',
  retired: 'a retired worker stops accepting',
  released: 'between giving the lease back and the commit',
  'release-uncommitted': 'giving the lease back is written, before its commit',
  'release-committed': 'the lease is given back',
  'cancel-uncommitted': 'a cancel is written, before its commit',
  'cancel-committed': 'a cancel is committed, the writer does not know',
  'cancel-noticed': 'the writer is told of the cancel',
} as const

export type StepName = keyof typeof steps

export interface DeathOrder {
  readonly step: StepName
  /** At which time that this step is reached, from 1, by one worker and since the death before. */
  readonly nth: number
  /** SIGSTOP: not dead, only very slow. */
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

interface Orders {
  readonly number: number
  /** One after the other. */
  readonly deaths: readonly DeathOrder[]
}

export interface Death {
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly atMs: number
}

const ordersFile = 'orders.json'
const markName = (number: number, at: number): string => `death-${number}-${at}.json`

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/** The side of the test. */
export class DeathFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'holdfast-deaths-'))
  #orders: Orders = { number: 0, deaths: [] }

  /** Takes the place of earlier orders. */
  order(deaths: readonly DeathOrder[]): void {
    this.#orders = { number: this.#orders.number + 1, deaths }
    const path = join(this.path, ordersFile)
    writeFileSync(`${path}.new`, JSON.stringify(this.#orders))
    renameSync(`${path}.new`, path)
  }

  /** Those that have come about, in order. */
  get deaths(): Death[] {
    const { number, deaths } = this.#orders
    return deaths
      .map((_, at) => readJson(join(this.path, markName(number, at))) as Death | null)
      .filter((death) => death !== null)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/** The side of a worker. */
export class Doom {
  #folder: string
  #counted = ''
  #count = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The next death is to come at this step. */
  isNext(step: StepName): boolean {
    return this.#next()?.order.step === step
  }

  /** This step is reached; if it is the one, this is the end. */
  reach(step: StepName): void {
    const next = this.#next()
    if (next?.order.step !== step) return
    this.#count = next.mark === this.#counted ? this.#count + 1 : 1
    this.#counted = next.mark
    if (this.#count !== next.order.nth || !this.#claim(next.mark)) return
    process.kill(process.pid, next.order.signal)
  }

  #next(): { order: DeathOrder; mark: string } | null {
    const orders = readJson(join(this.#folder, ordersFile)) as Orders | null
    for (const [at, order] of orders?.deaths.entries() ?? []) {
      const mark = markName(orders?.number ?? 0, at)
      if (readJson(join(this.#folder, mark)) === null) return { order, mark }
    }
    return null
  }

  /** False when another worker was faster. */
  #claim(mark: string): boolean {
    const death: Death = { pid: process.pid, atMs: Date.now() }
    try {
      const file = openSync(join(this.#folder, mark), 'wx')
      writeSync(file, JSON.stringify(death))
      closeSync(file)
      return true
    } catch {
      return false
    }
  }
}
