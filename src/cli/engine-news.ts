/**
 * Tells the record of model servers that this program has started itself: how much memory they have, and how they
 * ended. Of those of others nobody can know that.
 */
import { readFileSync } from 'node:fs'
import type { EngineFact } from '../observe/fact.ts'
import type { Recorder } from '../observe/recorder.ts'

export interface Engine {
  readonly upstream: string
  readonly pid: number
  /** What it wrote last. */
  readonly tail: () => string
  readonly exited: Promise<{ readonly exitCode: number | null; readonly signal: string | null }>
}

const sampleMs = 1000
const pageBytes = 4096

/** Until each has ended; nothing is told of the ends that come after `isClosing` says so, but that they were meant. */
export function tellOfEngines(engines: readonly Engine[], recorder: Recorder, isClosing: () => boolean): void {
  for (const { upstream, pid, tail, exited } of engines) {
    const bornMs = performance.now()
    let residentBytes = residentOf(pid)
    const note = (facts: Pick<EngineFact, 'state' | 'isExpected' | 'exit'>): void =>
      recorder.note({ kind: 'engine', upstream, pid, residentBytes, detail: '', ...facts })
    note({ state: 'ready', isExpected: true, exit: null })
    const timer = setInterval(() => (residentBytes = residentOf(pid) ?? residentBytes), sampleMs).unref()
    void exited.then((how) => {
      clearInterval(timer)
      const exit = { ...how, stderrTail: tail(), ageMs: Math.round(performance.now() - bornMs) }
      note({ state: 'exited', isExpected: isClosing(), exit })
    })
  }
}

/** Null where the system does not say. */
function residentOf(pid: number): number | null {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1])
    return pages > 0 ? pages * pageBytes : null
  } catch {
    return null
  }
}
