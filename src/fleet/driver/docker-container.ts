/** From an order to the container that Docker is asked for, and from what Docker tells of one to a replica. Pure. */
import type { ReplicaExit, ReplicaOrder, SeenReplica } from '../driver.ts'
import type { DockerSpec } from './docker-options.ts'
import { filledIn } from './fill-in.ts'

export const labels = {
  site: 'dev.holdfast.site',
  name: 'dev.holdfast.replica',
  deployment: 'dev.holdfast.deployment',
  release: 'dev.holdfast.release',
  /** Where it is asked for: the port of the machine, or inside the network. */
  port: 'dev.holdfast.port',
  address: 'dev.holdfast.address',
} as const

/** What `GET /containers/<id>/json` tells, as far as it is read here. */
export interface InspectedContainer {
  readonly Id: string
  readonly Created: string
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null }
  readonly State: {
    readonly Status: string
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly Error: string
    readonly StartedAt: string
    readonly FinishedAt: string
  }
  readonly HostConfig?: { readonly Memory?: number } | null
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null }
}

/** What `GET /containers/<id>/stats` tells of memory. */
export interface ContainerStats {
  readonly memory_stats?: {
    readonly usage?: number
    readonly stats?: { readonly inactive_file?: number; readonly total_inactive_file?: number }
  }
}

/** @returns the name of the container: ours, and nobody else's by accident */
export function containerName(site: string, name: string): string {
  return `${site}-${name}`
}

/** @param hostPort of the machine: published, or taken by the replica itself in the network `host` */
export function containerOf(order: ReplicaOrder, spec: DockerSpec, site: string, hostPort: number): object {
  const isHostNetwork = spec.network === 'host'
  const where = isHostNetwork
    ? { HOST: '127.0.0.1', PORT: String(hostPort) }
    : { HOST: '0.0.0.0', PORT: String(spec.port) }
  const listens = { ...where, NAME: order.name }
  const isPublished = !isHostNetwork && spec.reach === 'published'
  const inside = `${spec.port}/tcp`
  const isReachedInside = !isHostNetwork && !isPublished
  return {
    Image: spec.image,
    ...(spec.command ? { Entrypoint: filledIn(spec.command, listens) } : {}),
    ...(spec.args ? { Cmd: filledIn(spec.args, listens) } : spec.command ? { Cmd: [] } : {}),
    Env: Object.entries({ ...listens, ...spec.env }).map(([name, value]) => `${name}=${value}`),
    ...(spec.user ? { User: spec.user } : {}),
    ...(spec.workdir ? { WorkingDir: spec.workdir } : {}),
    ...(isPublished ? { ExposedPorts: { [inside]: {} } } : {}),
    Labels: {
      [labels.site]: site,
      [labels.name]: order.name,
      [labels.deployment]: order.deployment,
      [labels.release]: order.release,
      [labels.port]: String(isReachedInside ? spec.port : hostPort),
      [labels.address]: isReachedInside ? 'network' : isHostNetwork ? '127.0.0.1' : spec.publishOn,
    },
    HostConfig: {
      NetworkMode: spec.network,
      // An init of its own reaps what forks away, and hands signals on.
      Init: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      Binds: spec.volumes,
      ...(isPublished ? { PortBindings: { [inside]: [{ HostIp: spec.publishOn, HostPort: String(hostPort) }] } } : {}),
      ...(spec.memory ? { Memory: spec.memory, MemorySwap: spec.memory } : {}),
      ...(spec.cpus ? { NanoCpus: Math.round(spec.cpus * 1e9) } : {}),
      ...(spec.shm ? { ShmSize: spec.shm } : {}),
      ...devicesOf(spec.gpus),
      Ulimits: Object.entries(spec.ulimits).map(([Name, most]) => ({ Name, Soft: most, Hard: most })),
    },
  }
}

function devicesOf(gpus: DockerSpec['gpus']): object {
  if (gpus === 0) return {}
  const which = Array.isArray(gpus) ? { DeviceIDs: gpus } : { Count: gpus === 'all' ? -1 : gpus }
  return { DeviceRequests: [{ Driver: 'nvidia', Capabilities: [['gpu']], ...which }] }
}

/** What is known of a container, as a replica; null if it bears no name of ours. */
export function replicaOf(
  container: InspectedContainer,
  told: {
    readonly host: string
    readonly isStopping: boolean
    readonly memoryBytes: number | null
    readonly lastWords: string
    /** The last that was seen of it while it lived. */
    readonly earlierMemoryBytes: number | null
    readonly nowMs: number
  },
): SeenReplica | null {
  const marks = container.Config.Labels ?? {}
  const name = marks[labels.name]
  if (!name) return null
  const phase = phaseOf(container.State.Status, told.isStopping)
  const started = Date.parse(container.State.StartedAt)
  const created = Date.parse(container.Created)
  return {
    name,
    deployment: marks[labels.deployment] ?? '',
    release: marks[labels.release] ?? '',
    phase,
    url: phase === 'gone' ? null : urlOf(container, marks),
    // Docker gives the year 1 to what was never started.
    startedMs: started > 0 ? started : created > 0 ? created : told.nowMs,
    host: told.host,
    memoryBytes: told.memoryBytes,
    memoryBytesMax: container.HostConfig?.Memory || null,
    exit: phase === 'gone' ? exitOf(container, told.lastWords, told.earlierMemoryBytes) : null,
  }
}

function phaseOf(status: string, isStopping: boolean): SeenReplica['phase'] {
  if (status === 'exited' || status === 'dead' || status === 'stopped') return 'gone'
  if (status === 'removing' || status === 'stopping' || isStopping) return 'stopping'
  // One that is paused has its process, and hangs.
  return status === 'running' || status === 'paused' ? 'running' : 'starting'
}

function urlOf({ NetworkSettings, State }: InspectedContainer, marks: Readonly<Record<string, string>>): string | null {
  const port = marks[labels.port]
  const published = marks[labels.address]
  if (!port || !published || State.Status === 'created') return null
  if (published !== 'network') return `http://${host(published === '0.0.0.0' ? '127.0.0.1' : published)}:${port}`
  const inside = Object.values(NetworkSettings?.Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress
  return inside ? `http://${host(inside)}:${port}` : null
}

function host(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** Killed with so much of its limit in use, it was killed for it: Podman does not tell. */
const outOfMemoryShare = 0.9

function exitOf({ State, HostConfig }: InspectedContainer, lastWords: string, memoryBytes: number | null): ReplicaExit {
  const { ExitCode: code } = State
  // By the convention of shells, which Docker keeps: 128 and the number of the signal.
  const signal = { 129: 'SIGHUP', 130: 'SIGINT', 134: 'SIGABRT', 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM' }[code]
  const memoryMax = HostConfig?.Memory || Infinity
  const wasFull = signal === 'SIGKILL' && (memoryBytes ?? 0) >= memoryMax * outOfMemoryShare
  return {
    code: signal === undefined ? code : null,
    signal: signal ?? null,
    isOutOfMemory: State.OOMKilled || wasFull,
    lastWords: [lastWords.trimEnd(), State.Error].filter((text) => text !== '').join('\n'),
  }
}

/** Memory in use without the file cache, as `docker stats` counts it. */
export function memoryOf(stats: ContainerStats | null): number | null {
  const { usage, stats: detail } = stats?.memory_stats ?? {}
  if (usage === undefined) return null
  const cache = detail?.total_inactive_file ?? detail?.inactive_file ?? 0
  return Math.max(0, usage - cache)
}
