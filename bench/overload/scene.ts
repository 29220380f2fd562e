/** The stage of the overload bench: three simulated engines, one gateway for each mode, and the load process. */
import { fileURLToPath } from 'node:url'
import type { ChildServer } from '../../lab/child.ts'
import { startSim } from '../../lab/start-sim.ts'
import { configSchema } from '../../src/config.ts'
import { canRunRealtime, freePort, launch, setRealtime } from '../launch.ts'
import { metricOf, metricsPage } from '../metrics-page.ts'
import { startHoldfast } from '../peer/holdfast.ts'
import type { RunningPeer } from '../peer/peer.ts'
import type { CallRecord, LoadEnd, LoadOrder } from './record.ts'
import { keyOf, tenants } from './workload.ts'

/** How the gateway guards its upstreams, as settings; a line here is a curve of the bench. */
export const modes = {
  off: { overload: { limits: 'off' } },
  /** Nothing but a cap on all calls, set by hand to what the engines hold and half as many waiting. */
  capped: { overload: { limits: 'off' }, limits: { callsLiveMax: 36 } },
  fixed: { overload: { limits: 'fixed' } },
  adaptive: { overload: { limits: 'adaptive' } },
} as const
export type ModeName = keyof typeof modes
export const modeNames = Object.keys(modes) as ModeName[]

/**
 * An engine: 8 slots at 50 tokens a second when alone and 44 when full, and a queue as good as endless, as vLLM's is.
 */
export const engine = { slots: 8, rate: 50, 'waiting-max': 100_000 }
export const engineCount = 3

export interface Gateway {
  readonly mode: ModeName
  readonly url: string
  readonly running: RunningPeer
  /** As `metricOf` of its page now. */
  metric(name: string, label?: string): Promise<number>
}

/** In the real-time class where that is allowed, as gateway and load are: neighbours on the machine own delays else. */
export async function startEngines(speed: number): Promise<ChildServer[]> {
  const engines = await Promise.all(Array.from({ length: engineCount }, () => startSim({ ...engine, speed })))
  setRealtime(
    engines.map(({ pid }) => pid),
    true,
  )
  return engines
}

/** Tokens that an engine has made so far, for anybody. */
export async function tokensMade(engines: readonly ChildServer[]): Promise<number> {
  const pages = await Promise.all(engines.map(({ url }) => metricsPage(url)))
  return pages.reduce((sum, page) => sum + metricOf(page, 'vllm:generation_tokens_total'), 0)
}

type Leaving = 'cancel' | 'detach'

function settingsOf(
  mode: ModeName,
  onDisconnect: Leaving,
  engines: readonly ChildServer[],
): Record<string, unknown> | null {
  const patch: { readonly overload: object; readonly limits?: object } = modes[mode]
  // The level is over then, and nobody waits for what is left.
  const limits = { drainMs: 0, ...patch.limits }
  const upstreams = Object.fromEntries(engines.map(({ url }, at) => [`engine-${at + 1}`, { url: `${url}/v1` }]))
  const keys = tenants.map(({ name, tier }) => ({ name, key: keyOf(name), tier }))
  const guarded = { onDisconnect, upstreams, keys, overload: patch.overload, limits }
  if (configSchema.safeParse(guarded).success) return guarded
  // A gateway without admission control knows neither tiers nor modes: it is what `off` is.
  const { limits: kind } = patch.overload as { limits?: string }
  return kind === 'off' ? { onDisconnect, upstreams, limits, keys: keys.map(({ name, key }) => ({ name, key })) } : null
}

/** Null when this gateway has no such mode. */
export async function startGateway(
  mode: ModeName,
  onDisconnect: Leaving,
  engines: readonly ChildServer[],
): Promise<Gateway | null> {
  const settings = settingsOf(mode, onDisconnect, engines)
  if (settings === null) return null
  const [port, adminPort] = [await freePort(), await freePort()]
  const running = await startHoldfast({ name: `overload-${mode}`, port, adminPort, journal: 'memory', settings })
  setRealtime(running.pids(), true)
  return {
    mode,
    url: `http://127.0.0.1:${port}`,
    running,
    metric: async (name, label = '') => metricOf(await metricsPage(`http://127.0.0.1:${adminPort}`), name, label),
  }
}

export interface LoadResult extends LoadEnd {
  readonly records: readonly CallRecord[]
}

/** Runs the load process to its end. @throws {Error} with its last words when it fails */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const records: CallRecord[] = []
  let end: LoadEnd | null = null
  const file = fileURLToPath(new URL('./load.ts', import.meta.url))
  const program = launch(process.execPath, [file, JSON.stringify(order)], {
    prefix: canRunRealtime ? ['chrt', '-r', '1'] : [],
    onLine: (line) => {
      const value = JSON.parse(line) as CallRecord | LoadEnd
      if ('cpuMs' in value) end = value
      else records.push(value)
    },
  })
  const code = await program.exited
  const { cpuMs } = (end ?? {}) as Partial<LoadEnd>
  if (cpuMs === undefined) throw new Error(`the load process ended with ${code}:\n${program.tail()}`)
  return { records, cpuMs }
}
