/**
 * The control process: runs the replicas of deployments. It has no traffic, and no traffic waits for it; when it is
 * dead, all goes on as it is, and the next one adopts what runs.
 */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ScaleRow } from '../control/autoscale/scale-row.ts'
import type { FleetReport } from '../control/fleet-report.ts'
import type { RolloutRow } from '../control/rollouts.ts'
import { ControlLoop, type ControlSettings } from '../control/loop.ts'
import type { Notebook } from '../control/notebook.ts'
import { Pilot } from '../control/pilot.ts'
import type { ReplicaRow } from '../control/replica-row.ts'
import { ProcessDriver } from '../fleet/driver/process-driver.ts'
import type { FleetReplica } from '../fleet/replica-roll.ts'
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import type { Note } from '../observe/fact.ts'
import { type Log, openLog } from '../observe/log.ts'
import { askGolden } from './ask-golden.ts'
import { ControlState } from './control-state.ts'
import type { ControlAnswer, ControlAsk } from './control-asks.ts'
import { farDrivers } from './far-drivers.ts'
import { logTarget } from './log-target.ts'

const tickMs = 1000
/** After a hint of a driver, more of which may follow. */
const hintMs = 50

export interface ControlConfig extends ControlSettings, Pick<Config, 'stateDir' | 'log' | 'drivers'> {}

/** What it tells its supervisor. */
export type ControlWord =
  | { readonly event: 'fleet'; readonly replicas: readonly FleetReplica[] }
  | { readonly event: 'note'; readonly note: Note }
  /** Every second: it is there. */
  | {
      readonly event: 'rows'
      readonly rows: readonly ReplicaRow[]
      readonly rollouts: readonly RolloutRow[]
      readonly scaling: readonly ScaleRow[]
    }
  | ControlAnswer

/** What its supervisor tells it. */
export type ControlOrderWord =
  | { readonly event: 'begin'; readonly config: ControlConfig; readonly replicas: readonly FleetReplica[] }
  | { readonly event: 'use'; readonly config: ControlConfig }
  | { readonly event: 'report'; readonly report: FleetReport }
  | { readonly event: 'ask'; readonly id: number; readonly ask: ControlAsk }
  /** The gateway has stopped. */
  | { readonly event: 'end' }

/** Words that a supervisor which stands still has waiting for it; more are not kept. */
const untakenMax = 1000
let untaken = 0

function tell(word: ControlWord): void {
  if (!process.connected || untaken >= untakenMax) return
  untaken++
  process.send?.(word, undefined, undefined, () => untaken--)
}

const justStarted = 'it has just been started'

/** Where the process driver keeps what it knows. */
export function replicasFolder({ stateDir }: Pick<Config, 'stateDir'>): string {
  return join(stateDir, 'replicas')
}

/** Runs until told to end, or until the supervisor is gone: then the replicas go on by themselves. */
export function runControl(): void {
  process.umask(0o077)
  // What ends a terminal or the gateway is for the supervisor to understand.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGUSR2'] as const) process.on(signal, () => {})
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  process.once('disconnect', () => process.exit())
  let begun: Begun | null = null
  let config: ControlConfig | null = null
  let beginning: Promise<unknown> = Promise.resolve()
  let waitsFor: string | null = null
  const onWaiting = (words: string): void => {
    waitsFor = words
    tell({ event: 'rows', rows: [], rollouts: [], scaling: [] })
  }
  process.on('message', (word: ControlOrderWord) => {
    if (word.event === 'begin' || word.event === 'use') config = word.config
    if (word.event === 'begin') {
      const settings = (): ControlConfig => config ?? word.config
      const { stateDir, log: options } = word.config
      const log = openLog(options, logTarget(word.config), { process: 'control' })
      const state = new ControlState(stateDir, { clock: systemClock, log, onWaiting })
      const { replicas } = word
      beginning = state.take().then((notebook) => (begun = begin({ notebook, log, settings, replicas })))
    }
    if (word.event === 'use') begun?.loop.use(word.config)
    if (word.event === 'report') begun?.loop.hear(word.report)
    if (word.event === 'ask')
      tell(
        begun
          ? answerTo(word.id, word.ask, begun.pilot)
          : { event: 'answer', id: word.id, away: waitsFor ?? justStarted },
      )
    if (word.event !== 'end') return
    // What another gateway runs is not ours to end.
    if (!begun && waitsFor !== null) process.exit()
    void beginning.then(() => begun?.loop.stopAll()).finally(() => process.exit())
  })
}

interface Begun {
  readonly loop: ControlLoop
  readonly pilot: Pilot
}

/** What operators ask of rollouts, and of forecasts. */
function answerTo(id: number, ask: ControlAsk, { rollouts, scaling }: Pilot): ControlAnswer {
  const nowMs = systemClock.nowMs()
  const answer = (): object => {
    if (ask.kind === 'forecast') return { view: scaling.view(ask.deployment) }
    if (ask.kind === 'list') return rollouts.views(ask.deployment)
    if (ask.kind === 'begin') return rollouts.begin(ask.wish, systemRandom.bits(48).toString(36), nowMs)
    return rollouts.command(ask.deployment, ask.asked, ask.by, nowMs)
  }
  try {
    return { event: 'answer', id, body: answer() }
  } catch (thrown) {
    const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown))
    return { event: 'answer', id, error: { name, message } }
  }
}

interface BeginParts {
  readonly notebook: Notebook
  readonly log: Log
  /** Those in force. */
  readonly settings: () => ControlConfig
  readonly replicas: readonly FleetReplica[]
}

function begin({ notebook, log, settings, replicas }: BeginParts): Begun {
  const config = settings()
  const environment = { ...process.env, HOLDFAST_CONTROL: undefined }
  const drivers = [
    new ProcessDriver({ clock: systemClock, folder: replicasFolder(config), environment }),
    ...farDrivers(settings, log),
  ]
  const note = (told: Note): void => tell({ event: 'note', note: told })
  const pilot = new Pilot({ notebook, note, ask: askGolden, random: systemRandom })
  const tellFleet = (told: readonly FleetReplica[]): void => tell({ event: 'fleet', replicas: told })
  const parts = { clock: systemClock, log, drivers, probe, pilot, notebook, note, tellFleet }
  const loop = new ControlLoop(parts, config, replicas)
  const tick = (): void => {
    const rows = (): void => {
      const { rollouts, scaling } = pilot
      tell({ event: 'rows', rows: loop.rows(), rollouts: rollouts.rows(), scaling: scaling.rows() })
    }
    loop.tick().then(rows, (error: unknown) => log.error({ detail: String(error) }, 'a look at the replicas failed'))
  }
  let hint: NodeJS.Timeout | null = null
  const onHint = (): void => {
    hint ??= setTimeout(() => {
      hint = null
      tick()
    }, hintMs)
  }
  for (const driver of drivers) driver.watch(onHint)
  setInterval(tick, tickMs)
  tick()
  return { loop, pilot }
}

async function probe(url: string, timeoutMs: number): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' })
  await answer.body?.cancel()
  return answer.ok
}
