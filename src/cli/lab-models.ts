/** The models of the lab as upstreams, for a gateway that has nothing else behind it. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { startSim } from '../../lab/start-sim.ts'
import { startTinyModel } from '../../lab/start-tiny-model.ts'
import type { ConfigInput } from '../config.ts'
import type { Engine } from './engine-news.ts'
import type { LabChoice } from './run-options.ts'

/** Two, so that one can be killed to see what happens. */
const replicaCount = 2

interface Child extends Omit<Engine, 'upstream'> {
  readonly url: string
  stop(): Promise<void>
}

export interface LabModels {
  readonly upstreams: ConfigInput['upstreams']
  readonly notes: readonly string[]
  readonly engines: readonly Engine[]
  /** They are being stopped. */
  readonly isStopping: boolean
  stop(): Promise<void>
}

export async function openLab(choice: LabChoice, tell: (line: string) => void): Promise<LabModels> {
  if (choice !== 'sim') {
    try {
      return await openReal(tell)
    } catch (error) {
      if (choice === 'model') throw error
      tell(`The real small model is not to be had here: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return openSimulated()
}

async function openReal(tell: (line: string) => void): Promise<LabModels> {
  const cacheDir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'holdfast')
  const children: Child[] = []
  for (let i = 0; i < replicaCount; i++) children.push(await startTinyModel({ cacheDir, onProgress: tell }))
  return behind(children, 'llamacpp', [
    `${replicaCount} real engines (llama-server) with a tiny model that babbles. Kill one and see: kill -9 ${children[0]?.pid}`,
  ])
}

async function openSimulated(): Promise<LabModels> {
  const children: Child[] = []
  for (let i = 0; i < replicaCount; i++) children.push(await startSim({ model: 'lab-model' }))
  return behind(children, 'vllm', [
    `${replicaCount} simulated model servers. Kill one and see: kill -9 ${children[0]?.pid}`,
  ])
}

function behind(children: readonly Child[], kind: 'llamacpp' | 'vllm', notes: readonly string[]): LabModels {
  let isStopping = false
  const named = children.map((child, i) => ({ ...child, upstream: `lab-${i + 1}` }))
  return {
    upstreams: Object.fromEntries(named.map(({ upstream, url }) => [upstream, { url: `${url}/v1`, kind }])),
    notes,
    engines: named,
    get isStopping() {
      return isStopping
    },
    stop: async () => {
      isStopping = true
      await Promise.all(children.map((child) => child.stop()))
    },
  }
}
