/**
 * From an order to the objects that the cluster is asked for. Pure. A replica is a Deployment of one pod, so that
 * exactly this one can be ended; why not one Deployment for all: docs/design/0053-kubernetes.md.
 */
import { createHash } from 'node:crypto'
import type { ReplicaOrder } from '../driver.ts'
import { filledIn } from './fill-in.ts'
import type { KubernetesSpec } from './kubernetes-options.ts'

/** Labels are for selecting, and made safe; annotations hold names as they are. */
export const marks = {
  site: 'holdfast.dev/site',
  replica: 'holdfast.dev/replica',
  deployment: 'holdfast.dev/deployment',
  release: 'holdfast.dev/release',
  port: 'holdfast.dev/port',
} as const

export const containerName = 'server'
/** A pod's name is that of its Deployment with up to 17 more. */
const nameMax = 45
const hashLength = 8

/** A name that Kubernetes allows; one that had to be changed has a hash of what it was. */
export function safeName(name: string): string {
  const safe = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
  if (safe === name && safe.length <= nameMax) return safe
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashLength)
  return `${safe.slice(0, nameMax - hashLength - 1).replace(/-+$/, '') || 'x'}-${hash}`
}

export function deploymentName(site: string, name: string): string {
  return safeName(`${site}-${name}`)
}

/** Selects all that is ours, or one deployment's, or one replica's. */
export function selectorOf(
  site: string,
  part: { readonly replica?: string; readonly deployment?: string } = {},
): string {
  return Object.entries({ site, ...part })
    .map(([mark, value]) => `${marks[mark as keyof typeof part | 'site']}=${safeName(value)}`)
    .join(',')
}

function labelsOf({ name, deployment }: ReplicaOrder, site: string): Record<string, string> {
  return {
    'app.kubernetes.io/managed-by': 'holdfast',
    [marks.site]: safeName(site),
    [marks.deployment]: safeName(deployment),
    [marks.replica]: safeName(name),
  }
}

export function deploymentOf(order: ReplicaOrder, spec: KubernetesSpec, site: string): object {
  const labels = labelsOf(order, site)
  const annotations = {
    [marks.replica]: order.name,
    [marks.deployment]: order.deployment,
    [marks.release]: order.release,
    [marks.port]: String(spec.port),
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: deploymentName(site, order.name), labels, annotations },
    spec: {
      replicas: 1,
      // Two of one name at once would be one too many for its GPUs.
      strategy: { type: 'Recreate' },
      revisionHistoryLimit: 0,
      selector: { matchLabels: { [marks.site]: safeName(site), [marks.replica]: safeName(order.name) } },
      template: { metadata: { labels, annotations }, spec: podOf(order, spec) },
    },
  }
}

function podOf(order: ReplicaOrder, spec: KubernetesSpec): object {
  const shm = spec.shm ? [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: String(spec.shm) } }] : []
  const claims = spec.volumes.map(({ claim, readOnly }, i) => ({
    name: `volume-${i}`,
    persistentVolumeClaim: { claimName: claim, readOnly },
  }))
  const volumes = [...shm, ...claims]
  return {
    terminationGracePeriodSeconds: spec.graceSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(spec.serviceAccount ? { serviceAccountName: spec.serviceAccount } : {}),
    ...(spec.pullSecrets.length > 0 ? { imagePullSecrets: spec.pullSecrets.map((name) => ({ name })) } : {}),
    ...(Object.keys(spec.nodeSelector).length > 0 ? { nodeSelector: spec.nodeSelector } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
    containers: [containerOf(order, spec)],
    ...spec.pod,
  }
}

function containerOf({ name }: ReplicaOrder, spec: KubernetesSpec): object {
  const listens = { HOST: '0.0.0.0', PORT: String(spec.port), NAME: name }
  const limits = {
    ...(spec.memory ? { memory: String(spec.memory) } : {}),
    ...(spec.cpus ? { cpu: `${Math.ceil(spec.cpus * 1000)}m` } : {}),
    ...(spec.gpus > 0 ? { [spec.gpuResource]: String(spec.gpus) } : {}),
  }
  const mounts = [
    ...(spec.shm ? [{ name: 'shm', mountPath: '/dev/shm' }] : []),
    ...spec.volumes.map(({ path, readOnly }, i) => ({ name: `volume-${i}`, mountPath: path, readOnly })),
  ]
  return {
    name: containerName,
    image: spec.image,
    ...(spec.command ? { command: filledIn(spec.command, listens) } : {}),
    ...(spec.args ? { args: filledIn(spec.args, listens) } : {}),
    env: Object.entries({ ...listens, ...spec.env }).map(([variable, value]) => ({ name: variable, value })),
    ports: [{ name: 'http', containerPort: spec.port, protocol: 'TCP' }],
    resources: {
      ...(Object.keys(limits).length > 0 ? { limits } : {}),
      ...(Object.keys(spec.requests).length > 0 ? { requests: spec.requests } : {}),
    },
    ...(mounts.length > 0 ? { volumeMounts: mounts } : {}),
    ...(spec.probePath
      ? { readinessProbe: { httpGet: { path: spec.probePath, port: 'http' }, periodSeconds: 5, timeoutSeconds: 5 } }
      : {}),
    // What it wrote last comes with its end, without a right to read logs.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** Without an address of its own: it only makes the cluster keep endpoint slices for the replicas. */
export function serviceOf({ deployment }: ReplicaOrder, spec: KubernetesSpec, site: string): object {
  const selector = { [marks.site]: safeName(site), [marks.deployment]: safeName(deployment) }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: deploymentName(site, deployment),
      labels: { 'app.kubernetes.io/managed-by': 'holdfast', ...selector },
    },
    spec: {
      clusterIP: 'None',
      selector,
      ports: [{ name: 'http', port: spec.port, targetPort: 'http', protocol: 'TCP' }],
    },
  }
}
