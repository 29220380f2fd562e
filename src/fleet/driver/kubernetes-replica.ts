/** What the cluster tells of a Deployment, its pods and their endpoints, as a replica. Pure. */
import type { ReplicaExit, SeenReplica } from '../driver.ts'
import type { ContainerStatus, KubeDeployment, KubeEndpointSlice, KubePod, KubePodMetrics } from './kubernetes-kinds.ts'
import { marks } from './kubernetes-objects.ts'

/** Reasons for which a container waits and will not start without something being done. */
const stuck = new Set([
  ...['CrashLoopBackOff', 'ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'],
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'StartError'],
])

/** Address and state by name of pod, as the slices have them. */
export interface Endpoint {
  readonly address: string | null
  readonly isTerminating: boolean
}

export function endpointsOf(slices: readonly KubeEndpointSlice[]): Map<string, Endpoint> {
  const found = new Map<string, Endpoint>()
  for (const { endpoints } of slices)
    for (const { addresses, conditions, targetRef } of endpoints ?? [])
      if (targetRef?.name)
        found.set(targetRef.name, { address: addresses?.[0] ?? null, isTerminating: conditions?.terminating ?? false })
  return found
}

/** The pod that counts: one that is to stay before one that goes, one that runs before one that failed, the newest. */
export function chosenPod(pods: readonly KubePod[]): KubePod | null {
  const rank = (pod: KubePod): number =>
    (pod.metadata?.deletionTimestamp ? 0 : 2) + (pod.status?.phase === 'Failed' ? 0 : 1)
  const [first] = pods.toSorted(
    (a, b) => rank(b) - rank(a) || timeOf(b.metadata?.creationTimestamp) - timeOf(a.metadata?.creationTimestamp),
  )
  return first ?? null
}

/** @returns null for a Deployment without our names */
export function replicaOf(
  deployment: KubeDeployment,
  pods: readonly KubePod[],
  endpoints: ReadonlyMap<string, Endpoint>,
  memory: ReadonlyMap<string, number>,
): SeenReplica | null {
  const annotations = deployment.metadata?.annotations ?? {}
  const name = annotations[marks.replica]
  if (!name) return null
  const pod = chosenPod(pods)
  const podName = pod?.metadata?.name ?? ''
  const endpoint = endpoints.get(podName)
  const status = containerOf(pod)
  const isLeaving = deployment.metadata?.deletionTimestamp !== undefined || deployment.spec?.replicas === 0
  const isStopping = isLeaving || (endpoint?.isTerminating ?? false) || pod?.metadata?.deletionTimestamp !== undefined
  const exit = isStopping ? null : exitOf(pod, status)
  const isRunning = status?.state?.running !== undefined && pod?.status?.podIP !== undefined
  const phase = isStopping ? 'stopping' : exit ? 'gone' : isRunning ? 'running' : 'starting'
  const address = endpoint?.address ?? pod?.status?.podIP
  const port = annotations[marks.port]
  const isThere = address && port && isRunning
  return {
    name,
    deployment: annotations[marks.deployment] ?? '',
    release: annotations[marks.release] ?? '',
    phase,
    url: isThere ? `http://${address.includes(':') ? `[${address}]` : address}:${port}` : null,
    startedMs: timeOf(
      status?.state?.running?.startedAt ?? pod?.status?.startTime ?? deployment.metadata?.creationTimestamp,
    ),
    host: pod?.spec?.nodeName ?? '',
    memoryBytes: memory.get(podName) ?? null,
    exit,
  }
}

function containerOf(pod: KubePod | null): ContainerStatus | undefined {
  return pod?.status?.containerStatuses?.[0]
}

/** Its end, if its container is dead or cannot be started; the cluster goes on trying all the same. */
function exitOf(pod: KubePod | null, status: ContainerStatus | undefined): ReplicaExit | null {
  const isFailed = pod?.status?.phase === 'Failed'
  const waiting = status?.state?.waiting
  const isStuck = waiting !== undefined && stuck.has(waiting.reason ?? '')
  const ended = status?.state?.terminated ?? (isStuck ? status?.lastState?.terminated : undefined)
  if (!ended && !isStuck && !isFailed) return null
  const code = ended?.exitCode ?? null
  const isOutOfMemory = ended?.reason === 'OOMKilled'
  const signal = signalOf(ended?.signal || (code !== null && code > 128 ? code - 128 : 0))
  const words = [
    ended?.message,
    isStuck ? `${waiting.reason}: ${waiting.message ?? ''}` : '',
    isFailed ? pod.status?.message : '',
  ]
  return { code: signal ? null : code, signal, isOutOfMemory, lastWords: words.filter(Boolean).join('\n').trim() }
}

function signalOf(number: number): string | null {
  const known: Readonly<Record<number, string>> = {
    1: 'SIGHUP',
    2: 'SIGINT',
    6: 'SIGABRT',
    9: 'SIGKILL',
    11: 'SIGSEGV',
    15: 'SIGTERM',
  }
  return known[number] ?? null
}

/** Why a pod does not run, in the cluster's words; empty where it does. */
export function troubleOf(pod: KubePod | null): string {
  const waiting = containerOf(pod)?.state?.waiting
  const unscheduled = pod?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  return [
    unscheduled ? `${unscheduled.reason ?? 'Unschedulable'}: ${unscheduled.message ?? ''}` : '',
    waiting ? `${waiting.reason ?? 'Waiting'}: ${waiting.message ?? ''}` : '',
  ]
    .filter(Boolean)
    .join('\n')
}

/** Memory by name of pod, as the cluster's metrics have it. */
export function memoryOf(metrics: readonly KubePodMetrics[]): Map<string, number> {
  return new Map(
    metrics.map(({ metadata, containers }) => [
      metadata?.name ?? '',
      (containers ?? []).reduce((sum, { usage }) => sum + bytesOf(usage?.memory ?? '0'), 0),
    ]),
  )
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

export function bytesOf(quantity: string): number {
  const [, amount = '0', unit = ''] = /^([\d.]+)(\w*)$/.exec(quantity) ?? []
  return Math.round(Number(amount) * (units[unit] ?? 0))
}

function timeOf(date: Date | string | undefined): number {
  return date === undefined ? 0 : new Date(date).getTime()
}
