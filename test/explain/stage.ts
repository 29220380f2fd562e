/** Where scenarios are played: one gateway, as its users run it, for one scenario or for several at the same time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigInput } from '../../src/config.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'
import { explainRay } from '../../src/diagnosis/explain-ray.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { recordFileName } from '../../src/store/sqlite-record-file.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'
import { startGateway, startProgram } from '../crash/gateway.ts'
import { ask } from './ask.ts'
import { mountDisk } from './own-network.ts'
import type { Playing, Scenario, Scene } from './scenario.ts'

/** One cause, injected with everything else drawn by seed. */
export interface Injection {
  readonly scenario: Scenario
  readonly seed: number
}

export interface Outcome extends Injection {
  readonly ray: string
  readonly diagnosis: Diagnosis
}

/** Facts are written in batches, and what happens right after a failure is evidence, too. */
const settleMs = 2500
const accountMs = 30_000

const common = {
  workers: 1,
  // Short, so that a run takes minutes; the causes are the same.
  timeouts: {
    connectMs: 800,
    firstTokenMs: 2500,
    firstTokenSwitchMs: 1200,
    interTokenMs: 1500,
    wholeMs: 6000,
    patienceMs: 400,
  },
  log: { level: 'warn' },
} as const satisfies Partial<ConfigInput>

/** Plays them all at once behind one gateway, and explains every call that met a cause. */
export async function play(injections: readonly Injection[]): Promise<Outcome[]> {
  await using parts = new AsyncDisposableStack()
  const scenes = await Promise.all(injections.map((each, i) => open(each, i, parts)))
  const state = await mkdtemp(join(tmpdir(), 'holdfast-explain-'))
  parts.defer(() => rm(state, { recursive: true, force: true, maxRetries: 10 }))
  const [diskBytes] = scenes.flatMap(({ scene }) => scene.diskBytes ?? [])
  if (diskBytes !== undefined) parts.defer(mountDisk(state, diskBytes))
  const flags = ['--state', state, ...(await flagsOf(scenes, state))]
  const program = scenes[0]?.scene.program
  const gateway = parts.use(await (program ? startProgram(program, {}, flags) : startGateway(...flags)))
  // The first signal drains, the second ends all at once, the workers too: none is left to write into the folder.
  parts.defer(async () => {
    void gateway.end('SIGTERM')
    await sleep(100)
    await gateway.end('SIGTERM')
  })
  const played = await Promise.all(
    scenes.map(async ({ scene, model }) => {
      const playing: Playing = { gateway, ask: (options) => ask({ url: gateway.url, model, ...options }) }
      return (await scene.play(playing)).filter((ray) => ray !== undefined)
    }),
  )
  const path = join(gateway.state, recordFileName)
  await untilTold(path, played.flat())
  await sleep(settleMs)
  using reader = new RecordQuery(path)
  return injections.flatMap((injection, i) =>
    (played[i] ?? []).map((ray) => ({ ...injection, ray, diagnosis: explainRay(reader, ray) })),
  )
}

async function flagsOf(scenes: readonly OpenScene[], state: string): Promise<string[]> {
  if (scenes[0]?.scene.isOfLab) return ['--lab', 'sim', '--workers', '1', '--log-level', 'warn']
  const config = join(state, 'holdfast.json')
  await writeFile(config, JSON.stringify(configOf(scenes)))
  return ['--config', config]
}

interface OpenScene {
  readonly scene: Scene
  readonly model: string
  readonly name: string
}

async function open({ scenario, seed }: Injection, i: number, parts: AsyncDisposableStack): Promise<OpenScene> {
  const [name, model] = [`s${i}`, `model-${i}`]
  return { scene: await scenario.open({ parts, random: seededRandom(seed), model, name }), model, name }
}

function configOf(scenes: readonly OpenScene[]): ConfigInput {
  const pools = scenes.map(({ name, scene: { upstreams, timeouts } }) => [
    name,
    { upstreams: Object.keys(upstreams), ...(timeouts && { timeouts }) },
  ])
  const settings = Object.assign({}, ...scenes.map(({ scene }) => scene.settings ?? {})) as Partial<ConfigInput>
  return {
    ...common,
    ...settings,
    timeouts: { ...common.timeouts, ...settings.timeouts },
    upstreams: Object.assign({}, ...scenes.map(({ scene }) => scene.upstreams)) as ConfigInput['upstreams'],
    pools: Object.fromEntries(pools) as ConfigInput['pools'],
  }
}

/** Until the accounts of these calls are in the record; those that nobody settles are given up. */
async function untilTold(path: string, rays: readonly string[]): Promise<void> {
  const endMs = performance.now() + accountMs
  while (performance.now() < endMs) {
    await sleep(100)
    using reader = openReader(path)
    if (reader && rays.every((ray) => reader.byRay(ray).some(({ fact }) => fact.kind === 'call'))) return
  }
}

function openReader(path: string): RecordQuery | null {
  try {
    return new RecordQuery(path)
  } catch {
    return null // it is not there yet
  }
}
