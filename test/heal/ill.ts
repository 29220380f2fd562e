/** Ills of real model servers and of a worker of the gateway, and how each is seen to be healed. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FleetStatus } from '../../src/cli/control-process.ts'
import type { Deployment, Stage } from '../control/stage.ts'
import { workerPids } from '../crash/gateway.ts'
import { type Engine, type Ill, NotHere } from './engine.ts'

export const victim = 'chat-v1-1'
const mib = 2 ** 20
const leakBytesMax = 400 * mib

/** What is run for it. */
export interface Setting extends Disposable {
  readonly spec: { readonly memoryBytesMax?: number; readonly cwd?: string }
}

/** @throws {NotHere} */
export function setFor(ill: Ill): Setting {
  const none = { spec: {}, [Symbol.dispose]: () => {} }
  if (ill === 'leak') return { ...none, spec: { memoryBytesMax: leakBytesMax } }
  if (ill !== 'disk-full') return none
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-full-'))
  const end = (): void => {
    spawnSync('umount', [cwd])
    rmSync(cwd, { recursive: true, force: true })
  }
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', cwd]).status === 0)
    return { spec: { cwd }, [Symbol.dispose]: end }
  end()
  throw new NotHere('a small disk cannot be mounted, which takes root')
}

/** @throws {NotHere} */
export async function inflict(ill: Ill, stage: Stage, engine: Engine, { spec }: Setting): Promise<Disposable> {
  if (ill === 'deadlock') return engine.deadlock(stage, victim)
  if (ill === 'leak') await engine.leak(stage, victim)
  if (ill === 'disk-full') fill(join(spec.cwd ?? '', 'full'))
  if (ill === 'sigkill' || ill === 'disk-full') process.kill(await stage.serverPid(victim), 'SIGKILL')
  if (ill === 'sigstop') process.kill(await stage.serverPid(victim), 'SIGSTOP')
  if (ill === 'worker') process.kill((await workerPids(stage.gateway))[0] ?? 0, 'SIGSTOP')
  return { [Symbol.dispose]: () => {} }
}

/** The next start has to do without room as well. */
function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(64 * mib))
  } catch {
    // That is what it is for.
  }
}

/** What is seen at one look. */
export interface Look {
  readonly fleet: FleetStatus
  /** Numbers of the workers that are ready. */
  readonly workers: readonly number[]
  readonly lines: Stage['gateway']['lines']
}

export async function lookAt(stage: Stage): Promise<Look> {
  const { gateway } = stage
  const [fleet, workers] = await Promise.all([stage.fleet(), workerPids(gateway)])
  return { fleet, workers, lines: gateway.lines }
}

/** Number of the one that hung and was ended. */
function endedWorker(lines: Look['lines']): number | null {
  return (lines.find(({ msg }) => msg === 'worker hangs and is killed')?.['pid'] as number | undefined) ?? null
}

export const diedCount = (lines: Look['lines']): number => lines.filter(({ msg }) => msg === 'replica died').length

/** Whether the gateway has said that it knows. */
export function isDetected(ill: Ill, { fleet: { replicas, remedies }, lines }: Look): boolean {
  if (ill === 'sigkill') return replicas.some(({ deaths }) => deaths > 0)
  if (ill === 'poison') return replicas.filter(({ deaths }) => deaths > 0).length >= 2
  if (ill === 'worker') return endedWorker(lines) !== null
  const ailment = { sigstop: 'hang', deadlock: 'hang', leak: 'leak', 'disk-full': 'disk-full' }[ill]
  return remedies.some((each) => each.ailment === ailment)
}

/** Calls are at the sick one, or can come there. */
export function isInService(ill: Ill, { fleet: { replicas }, lines }: Look): boolean {
  if (ill === 'worker') return endedWorker(lines) === null
  if (ill === 'poison') return replicas.filter(({ state }) => state !== 'serving').length < 2
  const row = replicas.find(({ name }) => name === victim)
  // What leaks serves well until another is there.
  return row?.state === 'serving' && (row.calls > 0 || ill === 'leak')
}

/** As many serve as before, and a sick one that was to be replaced is gone. */
export function isHealed(ill: Ill, { fleet: { replicas }, workers, lines }: Look, count: number): boolean {
  const areServing = replicas.length === count && replicas.every(({ state }) => state === 'serving')
  const isReplaced = ill === 'sigstop' || ill === 'deadlock' || ill === 'leak'
  const areReady = workers.filter((pid) => pid !== endedWorker(lines)).length === 2
  return areReady && areServing && (!isReplaced || !replicas.some(({ name }) => name === victim))
}

export const deploymentOf = (command: readonly string[], { spec }: Setting, count: number): Deployment => ({
  releases: { v1: { command, ...spec } },
  replicas: { min: count, max: count },
  drain: { moveAfterMs: 500, graceMs: 2000 },
})
