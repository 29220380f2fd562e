/** Ills of real model servers, and how each is seen to be healed. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FleetStatus } from '../../src/cli/control-process.ts'
import type { Deployment, Stage } from '../control/stage.ts'

export const ills = ['sigkill', 'sigstop', 'leak', 'deadlock', 'disk-full', 'poison'] as const
export type Ill = (typeof ills)[number]

export const victim = 'chat-v1-1'
const mib = 2 ** 20
const leakBytesMax = 700 * mib

/** What is run for it: faults from the start, limits. */
export interface Setting {
  readonly more: readonly string[]
  readonly spec: Readonly<Record<string, unknown>>
  end(): void
}

/** Null where it cannot be shown on this machine, with the reason told. */
export function setFor(ill: Ill, say: (line: string) => void): Setting | null {
  const none = { more: [], spec: {}, end: () => {} }
  if (ill === 'poison') return { ...none, more: ['--fault', JSON.stringify({ kind: 'crash-on-poison' })] }
  if (ill === 'leak') return { ...none, spec: { memoryBytesMax: leakBytesMax } }
  if (ill !== 'disk-full') return none
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-full-'))
  const end = (): void => {
    spawnSync('umount', [cwd])
    rmSync(cwd, { recursive: true, force: true })
  }
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', cwd]).status === 0)
    return { ...none, spec: { cwd }, end }
  end()
  say('disk-full: skipped, a small disk cannot be mounted here (that takes root)')
  return null
}

export async function inflict(ill: Ill, stage: Stage, { spec }: Setting): Promise<void> {
  if (ill === 'sigkill') process.kill(await stage.serverPid(victim), 'SIGKILL')
  if (ill === 'sigstop') process.kill(await stage.serverPid(victim), 'SIGSTOP')
  if (ill === 'leak') await order(stage, { kind: 'leak', bytes: mib })
  if (ill === 'deadlock') await order(stage, { kind: 'deadlock' })
  if (ill === 'disk-full') {
    try {
      writeFileSync(join(String(spec['cwd']), 'full'), Buffer.alloc(64 * mib))
    } catch {
      // That is what it is for. The next start has to do without room as well:
    }
    process.kill(await stage.serverPid(victim), 'SIGKILL')
  }
}

async function order(stage: Stage, fault: object): Promise<void> {
  const row = (await stage.rows()).find(({ name }) => name === victim)
  const answer = await fetch(`${row?.url}/lab/faults`, { method: 'POST', body: JSON.stringify(fault) })
  if (!answer.ok) throw new Error(`the fault was refused: ${answer.status} ${await answer.text()}`)
}

/** Whether the control process has said that it knows. */
export function isDetected(ill: Ill, { replicas, remedies }: FleetStatus): boolean {
  if (ill === 'sigkill') return replicas.some(({ deaths }) => deaths > 0)
  if (ill === 'poison') return replicas.filter(({ deaths }) => deaths > 0).length >= 2
  const ailment = { sigstop: 'hang', deadlock: 'hang', leak: 'leak', 'disk-full': 'disk-full' }[ill]
  return remedies.some((each) => each.ailment === ailment && (each.state === 'planned' || ailment === 'disk-full'))
}

/** No call is at the sick one any more. */
export function isOutOfService(ill: Ill, { replicas }: FleetStatus): boolean {
  const row = replicas.find(({ name }) => name === victim)
  if (ill === 'poison') return replicas.filter(({ state }) => state !== 'serving').length >= 2
  return row === undefined || row.calls === 0 || row.state !== 'serving'
}

/** As many serve as before, and a sick one that was to be replaced is gone. */
export function isHealed(ill: Ill, { replicas }: FleetStatus, count: number): boolean {
  const areServing = replicas.length === count && replicas.every(({ state }) => state === 'serving')
  const isReplaced = ill === 'sigstop' || ill === 'deadlock' || ill === 'leak'
  return areServing && (!isReplaced || !replicas.some(({ name }) => name === victim))
}

export const deploymentOf = (command: readonly string[], { spec }: Setting, count: number): Deployment => ({
  releases: { v1: { command, ...spec } },
  replicas: { min: count, max: count },
  drain: { moveAfterMs: 500, graceMs: 2000 },
})
