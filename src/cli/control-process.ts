/** The supervisor's end of the control process: starts it where there are deployments, hears it, replaces it. */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Config } from '../config.ts'
import type { ScaleRow, ScaleView } from '../control/autoscale/scale-row.ts'
import type { FleetReport } from '../control/fleet-report.ts'
import type { RolloutRow } from '../control/rollouts.ts'
import type { DeployDesk } from '../edge/admin-deploy.ts'
import type { ReplicaRow } from '../control/replica-row.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import { systemClock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Numbers } from '../observe/metric.ts'
import type { Recorder } from '../observe/recorder.ts'
import { compileCache } from './compile-cache.ts'
import { type ControlConfig, type ControlOrderWord, type ControlWord, replicasFolder } from './control.ts'
import { RemedyBook, type RemedyTold } from './remedy-book.ts'
import { type ControlAsk, ControlAsks } from './control-asks.ts'
import { RolloutNumbers } from './rollout-numbers.ts'
import { replicaNumbers } from './replica-numbers.ts'
import { scaleNumbers } from './scale-numbers.ts'

const restartMs = 200
const restartMsMax = 10_000
const youngMs = 3000
/** It tells every second that it is there; one that has not for so long hangs. */
const hungMs = 20_000
const periodMs = 1000
/** Beyond the grace of the slowest deployment. */
const endMs = 15_000
/** So many are told to end what runs, where one dies before it is done. */
const endsMax = 2

export interface ControlProcessParts {
  readonly log: Log
  readonly recorder: Recorder
  /** The replicas that get calls, and those that are to go. */
  readonly onFleet: (replicas: readonly FleetReplica[]) => void
  /** What the workers told of replicas since this was asked last. */
  readonly report: () => FleetReport
  /** Upstreams to which workers give no calls. */
  readonly out: () => NonNullable<FleetReport['out']>
  /** Those of these deployments that are under planned maintenance now. */
  readonly windows: (deployments: Config['deployments']) => readonly string[]
  /** Those that an incident is about. */
  readonly troubles: (deployments: Config['deployments']) => NonNullable<FleetReport['troubles']>
}

export interface FleetStatus {
  /** Null where nothing is deployed. */
  readonly isRunning: boolean
  readonly replicas: readonly ReplicaRow[]
  /** What ailed replicas, what was done, and what came of it; the newest last. */
  readonly remedies: readonly RemedyTold[]
  /** Those that go on. */
  readonly rollouts: readonly RolloutRow[]
  /** Deployments whose number of replicas goes by their load. */
  readonly scaling: readonly ScaleRow[]
}

export class ControlProcess implements AsyncDisposable {
  #config: ControlConfig
  #parts: ControlProcessParts
  #child: ChildProcess | null = null
  #replicas: readonly FleetReplica[] = []
  #rows: readonly ReplicaRow[] = []
  #rollouts: readonly RolloutRow[] = []
  #scaling: readonly ScaleRow[] = []
  #rolloutNumbers = new RolloutNumbers()
  #asks = new ControlAsks()
  #deaths = new Map<string, number>()
  #remedies = new RemedyBook()
  #heardMs = 0
  #lookedMs = performance.now()
  #diedInRow = 0
  #isClosing = false
  #onLost: (how: string) => void = () => {}
  #timer: NodeJS.Timeout

  constructor(config: Config, parts: ControlProcessParts) {
    this.#config = pickControl(config)
    this.#parts = parts
    if (this.#hasWork) this.#open()
    this.#timer = setInterval(() => this.#tend(), periodMs)
    this.#timer.unref()
  }

  /** Other deployments, taken up while everything goes on. */
  use(config: Config): void {
    this.#config = pickControl(config)
    if (this.#child) this.#tell({ event: 'use', config: this.#config })
    else if (this.#hasWork) this.#open()
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  report(): FleetStatus {
    return {
      isRunning: this.#child !== null,
      replicas: this.#rows,
      remedies: this.#remedies.all,
      rollouts: this.#rollouts,
      scaling: this.#scaling,
    }
  }

  /** The load of a deployment, behind and before it; null where it is not scaled by its load. @throws {Fault} */
  async forecast(deployment: string): Promise<ScaleView | null> {
    if (!this.#hasWork) return null
    const { view } = (await this.#ask({ kind: 'forecast', deployment })) as { view: ScaleView | null }
    return view
  }

  /** What operators ask of rollouts; null where nothing is deployed. */
  get desk(): DeployDesk | null {
    if (!this.#hasWork) return null
    return {
      list: async (deployment) => (await this.#ask({ kind: 'list', deployment })) as readonly object[],
      begin: (wish) => this.#ask({ kind: 'begin', wish }),
      command: (deployment, asked, by) => this.#ask({ kind: 'command', deployment, asked, by }),
    }
  }

  #ask(ask: ControlAsk): Promise<object> {
    return this.#asks.ask((id) => {
      if (!this.#child?.connected) return false
      this.#tell({ event: 'ask', id, ask })
      return true
    })
  }

  numbers(): Numbers {
    if (!this.#hasWork) return []
    const more = [...this.#rolloutNumbers.numbers(this.#rollouts), ...scaleNumbers(this.#scaling)]
    return [...replicaNumbers(this.#rows, this.#deaths), ...this.#remedies.numbers(), ...more]
  }

  /** The gateway has stopped: replicas that are not to be kept are ended; by the next one, where this one dies. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#timer)
    for (let tries = 0; tries < endsMax && (this.#child || this.#hasWork); tries++) {
      if (!this.#child) this.#open()
      if (await this.#end()) return
    }
  }

  /** Whether it did what it was told before it went. */
  async #end(): Promise<boolean> {
    const gone = new Promise<string>((resolve) => (this.#onLost = resolve))
    this.#tell({ event: 'end' })
    const graceMs = Math.max(0, ...Object.values(this.#config.deployments).map(({ drain }) => drain.graceMs))
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs + endMs)
    const how = await gone
    clearTimeout(late)
    return how === '0'
  }

  /** Deployments, or what is left of some. */
  get #hasWork(): boolean {
    if (Object.keys(this.#config.deployments).length > 0) return true
    const folder = replicasFolder(this.#config)
    return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json'))
  }

  #tend(): void {
    const nowMs = performance.now()
    const isLate = nowMs - this.#lookedMs > 2 * periodMs
    this.#lookedMs = nowMs
    // While it is away the news are kept for the next one.
    if (this.#child?.connected) {
      const { report, out, windows, troubles } = this.#parts
      const { deployments } = this.#config
      const more = { out: out(), windows: windows(deployments), troubles: troubles(deployments) }
      this.#tell({ event: 'report', report: { ...report(), ...more } })
    }
    // After a pause of our own, what it said meanwhile has yet to be read.
    if (!isLate && nowMs - this.#heardMs > hungMs) this.#child?.kill('SIGKILL')
  }

  #tell(word: ControlOrderWord): void {
    if (this.#child?.connected) this.#child.send(word, () => {})
  }

  #open(): void {
    const program = join(import.meta.dirname, `holdfast${extname(import.meta.filename)}`)
    const bornMs = performance.now()
    const child = fork(program, [], {
      env: { ...process.env, ...compileCache(), HOLDFAST_CONTROL: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    this.#heardMs = bornMs
    this.#tell({ event: 'begin', config: this.#config, replicas: this.#replicas })
    child.on('message', (word: ControlWord) => this.#hear(word))
    let isLost = false
    const lose = (how: string): void => {
      if (isLost) return
      isLost = true
      this.#lose(how, performance.now() - bornMs)
    }
    child.on('error', (error) => child.pid === undefined && lose(error.message))
    child.once('exit', (code, signal) => lose(signal ?? String(code)))
  }

  #hear(word: ControlWord): void {
    this.#heardMs = performance.now()
    if (word.event === 'rows') {
      this.#rows = word.rows
      this.#rollouts = word.rollouts
      this.#scaling = word.scaling
    }
    if (word.event === 'answer') this.#asks.hear(word)
    if (word.event === 'note') {
      const { note } = word
      this.#parts.recorder.note(note)
      if (note.kind === 'remedy') this.#remedies.add({ ...note, atMs: systemClock.nowMs() })
      if (note.kind === 'rollout') this.#rolloutNumbers.hear(note)
      if (note.kind !== 'replica' || (note.state !== 'died' && note.state !== 'failed')) return
      this.#deaths.set(note.deployment, (this.#deaths.get(note.deployment) ?? 0) + 1)
    }
    if (word.event !== 'fleet') return
    this.#replicas = word.replicas
    this.#parts.onFleet(word.replicas)
  }

  #lose(how: string, ageMs: number): void {
    this.#child = null
    this.#asks.lose()
    this.#onLost(how)
    if (this.#isClosing) return
    this.#diedInRow = ageMs < youngMs ? this.#diedInRow + 1 : 0
    const waitMs = Math.min(restartMsMax, restartMs * 2 ** Math.max(0, this.#diedInRow - 1))
    this.#parts.log.error({ how, waitMs }, 'the control process died and is replaced; the replicas go on')
    setTimeout(() => !this.#isClosing && !this.#child && this.#open(), waitMs).unref()
  }
}

function pickControl({ stateDir, log, deployments, control, drivers }: Config): ControlConfig {
  return { stateDir, log, deployments, control, drivers }
}
