/** The stage of the overload bench: three simulated engines, one gateway for each mode, and the load process. */
import { fileURLToPath } from 'node:url'
import type { ChildServer } from '../../lab/child.ts'
import { startSim } from '../../lab/start-sim.ts'
import type { ConfigInput } from '../../src/config.ts'
import { canRunRealtime, launch, setRealtime } from '../launch.ts'
import { metricOf, metricsPage } from '../metrics-page.ts'
import { startHoldfast } from '../peer/holdfast.ts'
import type { RunningPeer } from '../peer/peer.ts'
import type { CallRecord, LoadEnd, LoadOrder } from './record.ts'
import { keyOf, tenants } from './workload.ts'

interface Mode extends Pick<ConfigInput, 'overload' | 'limits'> {
  /** Clients tell their deadline in `x-request-timeout`; otherwise they only hang up at it. */
  readonly tellsDeadline: boolean
}

/** How the gateway guards its upstreams; a line here is a curve of the bench. */
export const modes = {
  /** Everything goes on at once and deadlines are the clients' affair, as in most gateways. */
  off: { overload: { limits: 'off' }, tellsDeadline: false },
  /** Nothing but a cap on all calls, set by hand to what the engines hold and half as many waiting there. */
  capped: { overload: { limits: 'off' }, limits: { callsLiveMax: 36 }, tellsDeadline: false },
  /** No limits, but what is late is given up. */
  deadlines: { overload: { limits: 'off' }, tellsDeadline: true },
  fixed: { overload: { limits: 'fixed', callsMax: 12 }, tellsDeadline: true },
  adaptive: { overload: { limits: 'adaptive' }, tellsDeadline: true },
} as const satisfies Readonly<Record<string, Mode>>
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

function settingsOf(mode: ModeName, onDisconnect: 'cancel' | 'detach', engines: readonly ChildServer[]): ConfigInput {
  const { overload, limits }: Mode = modes[mode]
  return {
    onDisconnect,
    upstreams: Object.fromEntries(engines.map(({ url }, at) => [`engine-${at + 1}`, { url: `${url}/v1` }])),
    keys: tenants.map(({ name, tier }) => ({ name, key: keyOf(name), tier })),
    overload,
    // The level is over then, and nobody waits for what is left.
    limits: { drainMs: 0, ...limits },
  }
}

export async function startGateway(
  mode: ModeName,
  onDisconnect: 'cancel' | 'detach',
  engines: readonly ChildServer[],
): Promise<Gateway> {
  const settings = settingsOf(mode, onDisconnect, engines)
  const running = await startHoldfast({ name: `overload-${mode}`, port: 0, adminPort: 0, journal: 'memory', settings })
  setRealtime(running.pids(), true)
  return {
    mode,
    url: running.url,
    running,
    metric: async (name, label = '') => metricOf(await metricsPage(running.adminUrl), name, label),
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
