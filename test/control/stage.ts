/** A gateway with a deployment of simulated model servers, each a process of its own. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FleetStatus } from '../../src/cli/control-process.ts'
import type { ReplicaRow } from '../../src/control/replica-row.ts'
import { listRunning } from '../../src/fleet/driver/process-table.ts'
import { type Gateway, startGateway } from '../crash/gateway.ts'

const lab = join(import.meta.dirname, '../../lab/main.ts')
const waitMs = 60_000
const lookMs = 100

export const simCommand = (...more: string[]): string[] => [
  ...[process.execPath, lab, 'sim', '--port', '${PORT}', '--rate', '60', '--slots', '64', '--batch-cost', '0', ...more],
]

export interface Deployment {
  readonly releases: Readonly<Record<string, { readonly command: readonly string[]; readonly [more: string]: unknown }>>
  readonly release?: string
  readonly replicas?: { readonly min?: number; readonly max?: number; readonly holdMs?: number }
  readonly autoscale?: object
  readonly ready?: { readonly path?: string; readonly withinMs?: number }
  readonly drain?: { readonly moveAfterMs?: number; readonly graceMs?: number }
  readonly onStop?: 'stop' | 'keep'
  readonly rollout?: object
}

/** @param control settings of the control loop */
export async function openStage(chat: Deployment, control: object = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fleet-'))
  const stage = new Stage(folder, control)
  await stage.write(chat)
  await stage.start()
  return stage
}

export class Stage implements AsyncDisposable {
  readonly state: string
  #folder: string
  #control: object
  #gateway: Gateway | null = null

  constructor(folder: string, control: object) {
    this.#folder = folder
    this.#control = control
    this.state = join(folder, 'state')
  }

  get gateway(): Gateway {
    if (!this.#gateway) throw new Error('no gateway runs')
    return this.#gateway
  }

  /** The configuration from now on; the gateway has yet to be told. */
  write(chat: Deployment): Promise<void> {
    const config = { control: this.#control, deployments: { chat: { ready: { path: '/health' }, ...chat } } }
    return writeFile(join(this.#folder, 'holdfast.yaml'), JSON.stringify(config))
  }

  async start(): Promise<void> {
    this.#gateway = await startGateway('--state', this.state, '--config', join(this.#folder, 'holdfast.yaml'))
  }

  async rows(): Promise<ReplicaRow[]> {
    return (await this.fleet()).replicas as ReplicaRow[]
  }

  async fleet(): Promise<FleetStatus> {
    const answer = await fetch(`${this.gateway.adminUrl}/fleet`)
    return (await answer.json()) as FleetStatus
  }

  /** Once it is so, what the fleet is like. */
  async until(what: string, isSo: (rows: ReplicaRow[]) => boolean | Promise<boolean>): Promise<ReplicaRow[]> {
    for (const endMs = performance.now() + waitMs; ; await new Promise((resolve) => setTimeout(resolve, lookMs))) {
      const rows = await this.rows().catch(() => [])
      if (await isSo(rows)) return rows
      if (performance.now() > endMs) throw new Error(`not within ${waitMs} ms: ${what}; ${JSON.stringify(rows)}`)
    }
  }

  /** Exactly these get calls, and all workers know that they do. */
  async serving(...names: string[]): Promise<ReplicaRow[]> {
    const areServing = (rows: ReplicaRow[]): boolean =>
      rows.length === names.length && names.every((name) => rows.find((row) => row.name === name)?.state === 'serving')
    const rows = await this.until(`${names.join(', ')} serve`, areServing)
    for (const endMs = performance.now() + waitMs; performance.now() < endMs; ) {
      const answer = await fetch(`${this.gateway.adminUrl}/readyz`)
      await answer.body?.cancel()
      if (answer.ok) return rows
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    throw new Error('the gateway did not become ready')
  }

  controlPid(): number {
    const children = listRunning().filter(({ pid }) => parentOf(pid) === this.gateway.pid)
    const isControl = ({ pid }: { pid: number }): boolean =>
      readFileSync(`/proc/${pid}/environ`, 'latin1').includes('HOLDFAST_CONTROL=')
    const found = children.find(isControl)
    if (!found) throw new Error('no control process runs')
    return found.pid
  }

  /** The model server of a replica, without the shell that leads its group. */
  async serverPid(name: string): Promise<number> {
    const [pid] = await this.pidsOf(name)
    if (pid === undefined) throw new Error(`no server of ${name} runs`)
    return pid
  }

  /** What runs for a replica, without that shell; the oldest first. */
  async pidsOf(name: string): Promise<number[]> {
    const leader = Number(await readFile(join(this.state, 'replicas', `${name}.pid`), 'utf8'))
    return listRunning().flatMap(({ pid, group }) => (group === leader && pid !== leader ? [pid] : []))
  }

  /** Of all processes that bear our mark. */
  async leaders(): Promise<number[]> {
    const files = await readdir(join(this.state, 'replicas')).catch(() => [])
    const pids = await Promise.all(
      files
        .filter((file) => file.endsWith('.pid'))
        .map(async (file) => Number(await readFile(join(this.state, 'replicas', file), 'utf8'))),
    )
    return pids.filter((leader) => listRunning().some(({ group }) => group === leader))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway?.[Symbol.asyncDispose]()
    for (const leader of await this.leaders()) process.kill(-leader, 'SIGKILL')
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  } catch {
    return 0
  }
}
