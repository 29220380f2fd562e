/** What the supervisor has ready for the console: how things stand, the last ten minutes, and the configuration. */
import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { writeYaml } from '../config-file.ts'
import type { IncidentSeen } from '../house/incident-seen.ts'
import { type Curves, History, samplePeriodMs } from './history.ts'
import { type Overview, overviewOf, waitingIn } from './overview.ts'
import type { Supervisor } from './supervisor.ts'
import { version } from './version.ts'
import { withoutSecrets } from './without-secrets.ts'

/** What the console asks for every second. */
export interface ConsoleState {
  readonly now: Overview
  readonly curves: Curves
}

export interface ConfigShown {
  /** What is in force, defaults included, as YAML; secrets never. */
  readonly yaml: string
}

export class ConsoleDesk implements Disposable {
  /** In force. */
  config: Config
  urls: readonly string[] = []
  /** Those that go on. */
  incidents: () => readonly IncidentSeen[] = () => []
  #supervisor: Supervisor
  #history = new History()
  #startedMs = Date.now()
  #timer: NodeJS.Timeout

  constructor(config: Config, supervisor: Supervisor) {
    this.config = config
    this.#supervisor = supervisor
    this.#timer = setInterval(() => this.#look(), samplePeriodMs)
    this.#timer.unref()
  }

  /** @param since the number of the last sample that is known there; 0 for none. */
  state(since: number): ConsoleState {
    const supervisor = this.#supervisor
    const { site } = this.config
    const now = overviewOf({
      nowMs: Date.now(),
      identity: {
        site,
        version: version(),
        pid: process.pid,
        startedMs: this.#startedMs,
        generation: supervisor.generation,
        urls: this.urls,
        stateDir: resolve(this.config.stateDir),
      },
      isReady: supervisor.readiness().isReady,
      totals: supervisor.snapshot().totals,
      hands: supervisor.hands(),
      history: this.#history,
      incidents: this.incidents(),
    })
    return { now, curves: this.#history.curves(since) }
  }

  shownConfig(): ConfigShown {
    return { yaml: writeYaml(withoutSecrets(this.config)) }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const told = this.#supervisor.hands().flatMap(({ pid, status }) => (status ? [{ pid, status }] : []))
    const sums = told.map(({ pid, status }) => ({ worker: String(pid), totals: status.totals, beat: status.beat }))
    this.#history.take(Date.now(), sums, {
      callsLive: told.reduce((sum, { status }) => sum + status.callsLive, 0),
      waiting: told.reduce((sum, { status }) => sum + waitingIn(status.view.lines), 0),
    })
  }
}
