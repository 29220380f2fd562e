/**
 * An API server with controllers, played: as much of Kubernetes as the driver and the played node ask for. What it
 * answers is compared with a real one in `played-cluster.test.ts`.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeKubeconfig } from './kubernetes-bench.ts'
import type { Cluster } from './real-cluster.ts'

type Labels = Readonly<Record<string, string>>

interface Kube {
  apiVersion?: string
  kind?: string
  metadata: {
    name: string
    uid?: string
    labels?: Labels
    annotations?: Labels
    resourceVersion?: string
    creationTimestamp?: string
    deletionTimestamp?: string
    deletionGracePeriodSeconds?: number
    ownerReferences?: object[]
  }
  // Whatever was sent, as it was.
  // oxlint-disable-next-line no-explicit-any
  spec?: any
  // oxlint-disable-next-line no-explicit-any
  status?: any
}

type Plural = 'deployments' | 'pods' | 'services'
const kinds = { deployments: ['Deployment', 'apps/v1'], pods: ['Pod', 'v1'], services: ['Service', 'v1'] } as const

export interface PlayedCluster extends Cluster {
  /** Answers all that is asked with this status from now on; null: as it should. */
  failWith(status: number | null): void
  /** Ends every watch, as a load balancer does. */
  dropWatches(): void
  /** Forgets what was before: whoever watches from an earlier version is told 410. */
  compact(): void
  countWatches(): number
  /** Where logs come from. */
  onLog: (pod: string) => string
}

class Refused extends Error {
  readonly status: number
  readonly reason: string
  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

class World {
  readonly things: Record<Plural, Map<string, Kube>> = { deployments: new Map(), pods: new Map(), services: new Map() }
  readonly watchers = new Set<{ selector: string; response: ServerResponse }>()
  version = 100
  oldest = 100

  list(plural: Plural, selector: string): Kube[] {
    return [...this.things[plural].values()].filter(({ metadata }) => isSelected(metadata.labels ?? {}, selector))
  }

  get(plural: Plural, name: string): Kube {
    const found = this.things[plural].get(name)
    if (!found) throw new Refused(404, 'NotFound', `${plural} "${name}" not found`)
    return found
  }

  create(plural: Plural, sent: Kube): Kube {
    const { name } = sent.metadata
    if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
      throw new Refused(
        422,
        'Invalid',
        `${kinds[plural][0]} "${name}" is invalid: metadata.name: Invalid value: "${name}"`,
      )
    if (this.things[plural].has(name)) throw new Refused(409, 'AlreadyExists', `${plural} "${name}" already exists`)
    const [kind, apiVersion] = kinds[plural]
    const creationTimestamp = second()
    const made = { ...sent, kind, apiVersion, metadata: { ...sent.metadata, uid: randomUUID(), creationTimestamp } }
    this.things[plural].set(name, made)
    this.changed(plural, made, 'ADDED')
    return made
  }

  changed(plural: Plural, thing: Kube, type: 'ADDED' | 'MODIFIED' | 'DELETED'): void {
    thing.metadata.resourceVersion = String(++this.version)
    if (plural === 'pods')
      for (const { selector, response } of this.watchers)
        if (isSelected(thing.metadata.labels ?? {}, selector))
          response.write(`${JSON.stringify({ type, object: thing })}\n`)
    this.control()
  }

  remove(plural: Plural, thing: Kube): void {
    this.things[plural].delete(thing.metadata.name)
    this.changed(plural, thing, 'DELETED')
  }

  /** What the controllers do: as many pods as a Deployment wants, none without one. */
  control(): void {
    for (const deployment of this.things.deployments.values()) {
      const pods = this.#podsOf(deployment)
      if (pods.length < deployment.spec.replicas) this.#makePod(deployment)
      for (const pod of pods.slice(deployment.spec.replicas)) this.endPod(pod, pod.spec.terminationGracePeriodSeconds)
    }
    const wanted = new Set([...this.things.deployments.values()].map(({ metadata }) => metadata.uid))
    for (const pod of this.things.pods.values()) {
      const [owner] = (pod.metadata.ownerReferences ?? []) as { uid?: string }[]
      if (owner && !wanted.has(owner.uid) && !pod.metadata.deletionTimestamp)
        this.endPod(pod, pod.spec.terminationGracePeriodSeconds)
    }
  }

  #podsOf({ metadata }: Kube): Kube[] {
    return [...this.things.pods.values()].filter((pod) => {
      const [owner] = (pod.metadata.ownerReferences ?? []) as { uid?: string }[]
      return owner?.uid === metadata.uid && !pod.metadata.deletionTimestamp && pod.status?.phase !== 'Failed'
    })
  }

  #makePod({ metadata, spec }: Kube): void {
    const name = `${metadata.name}-5fbdd89c4f-${randomBytes(4).toString('hex').slice(0, 5)}`
    const { labels, annotations } = spec.template.metadata
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${metadata.name}-5fbdd89c4f`, uid: metadata.uid },
    ]
    const status = { phase: 'Pending' }
    this.create('pods', {
      metadata: { name, labels, annotations, ownerReferences },
      spec: { ...spec.template.spec },
      status,
    })
  }

  endPod(pod: Kube, graceSeconds: number): void {
    const { metadata } = pod
    if (graceSeconds === 0 || !pod.spec.nodeName) return this.remove('pods', pod)
    if (metadata.deletionGracePeriodSeconds !== undefined && graceSeconds >= metadata.deletionGracePeriodSeconds) return
    metadata.deletionTimestamp = second(graceSeconds)
    metadata.deletionGracePeriodSeconds = graceSeconds
    this.changed('pods', pod, 'MODIFIED')
  }

  /** Loopback addresses are none that a real controller takes. */
  slices(selector: string): object[] {
    return [...this.things.services.values()]
      .map(({ metadata, spec }) => ({
        metadata: { name: `${metadata.name}-x`, labels: { 'kubernetes.io/service-name': metadata.name } },
        endpoints: [...this.things.pods.values()]
          .filter((pod) => isSelected(pod.metadata.labels ?? {}, toSelector(spec.selector)))
          .filter(({ status }) => status?.podIP && !status.podIP.startsWith('127.'))
          .map((pod) => ({
            addresses: [pod.status.podIP],
            conditions: { ready: true },
            targetRef: { kind: 'Pod', name: pod.metadata.name },
          })),
      }))
      .filter(({ metadata }) => isSelected(metadata.labels, selector))
  }
}

function toSelector(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

function isSelected(labels: Labels, selector: string): boolean {
  const terms = selector.match(/[^,(]+ in \([^)]*\)|[^,]+/g) ?? []
  return terms.every((term) => {
    const among = /^(\S+) in \((.*)\)$/.exec(term)
    if (among) return (among[2] ?? '').split(',').includes(labels[among[1] ?? ''] ?? '')
    const [name = '', value = ''] = term.split('=')
    return labels[name] === value
  })
}

function second(fromNowSeconds = 0): string {
  return new Date(Date.now() + fromNowSeconds * 1000).toISOString().replace(/\.\d+Z/, 'Z')
}

const base = '(?:/api/v1|/apis/apps/v1|/apis/discovery.k8s.io/v1)/namespaces/default'
const thingPath = new RegExp(`^${base}/(deployments|pods|services)(?:/([^/]+)(?:/(scale|status|binding|log))?)?$`)
const slicesPath = new RegExp(`^${base}/endpointslices$`)

interface Asked {
  readonly method: string
  readonly query: URLSearchParams
  // oxlint-disable-next-line no-explicit-any
  readonly body: any
}

function answerTo(
  world: World,
  path: string,
  { method, query, body }: Asked,
  onLog: (pod: string) => string,
): { status: number; body: object | string } {
  const selector = query.get('labelSelector') ?? ''
  if (path === '/apis/discovery.k8s.io')
    return { status: 200, body: { kind: 'APIGroup', preferredVersion: { version: 'v1' } } }
  if (slicesPath.test(path)) return { status: 200, body: { kind: 'EndpointSliceList', items: world.slices(selector) } }
  const [, plural, name, part] = (thingPath.exec(path) ?? []) as [unknown, Plural?, string?, string?]
  if (!plural) throw new Refused(404, 'NotFound', 'the server could not find the requested resource')
  if (!name) {
    if (method === 'POST') return { status: 201, body: world.create(plural, body) }
    const [kind] = kinds[plural]
    const metadata = { resourceVersion: String(world.version) }
    return { status: 200, body: { kind: `${kind}List`, metadata, items: world.list(plural, selector) } }
  }
  const thing = world.get(plural, name)
  if (part === 'log') return { status: 200, body: onLog(name) }
  if (part === 'binding') thing.spec.nodeName = body.target.name
  if (part === 'status') thing.status = { ...thing.status, ...body.status }
  if (part === 'scale') thing.spec.replicas = body.spec.replicas
  if (method === 'DELETE') return remove(world, plural, thing, { query, body })
  if (part) world.changed(plural, thing, 'MODIFIED')
  if (part === 'scale')
    return { status: 200, body: { kind: 'Scale', metadata: thing.metadata, spec: { replicas: thing.spec.replicas } } }
  return { status: part === 'binding' ? 201 : 200, body: thing }
}

function remove(
  world: World,
  plural: Plural,
  thing: Kube,
  { query, body }: Pick<Asked, 'query' | 'body'>,
): { status: number; body: object } {
  const uid = body?.preconditions?.uid
  if (uid && uid !== thing.metadata.uid) throw new Refused(409, 'Conflict', 'the UID in the precondition is another')
  const asked = query.get('gracePeriodSeconds') ?? body?.gracePeriodSeconds
  if (plural === 'pods')
    world.endPod(thing, asked === undefined ? thing.spec.terminationGracePeriodSeconds : Number(asked))
  else world.remove(plural, thing)
  return { status: 200, body: plural === 'pods' ? thing : { kind: 'Status', status: 'Success' } }
}

function follow(world: World, query: URLSearchParams, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  if (Number(query.get('resourceVersion')) < world.oldest) {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
    return void response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
  }
  const watcher = { selector: query.get('labelSelector') ?? '', response }
  world.watchers.add(watcher)
  const late = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 60) * 1000)
  late.unref()
  response.once('close', () => {
    clearTimeout(late)
    world.watchers.delete(watcher)
  })
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return pieces.length > 0 ? JSON.parse(Buffer.concat(pieces).toString()) : null
}

export async function openPlayedCluster(): Promise<PlayedCluster> {
  const world = new World()
  const token = 'tok-played'
  let failure: number | null = null
  const played: Pick<PlayedCluster, 'onLog'> = { onLog: () => '' }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://x')
    const method = request.method ?? 'GET'
    try {
      if (request.headers.authorization !== `Bearer ${token}`) throw new Refused(401, 'Unauthorized', 'Unauthorized')
      if (failure !== null) throw new Refused(failure, 'InternalError', 'etcd is away')
      const body = await readBody(request)
      if (url.searchParams.get('watch') === 'true') return follow(world, url.searchParams, response)
      const answer = answerTo(
        world,
        url.pathname.replace(/\/$/, ''),
        { method, query: url.searchParams, body },
        played.onLog,
      )
      const isText = typeof answer.body === 'string'
      response.writeHead(answer.status, { 'content-type': isText ? 'text/plain' : 'application/json' })
      response.end(isText ? answer.body : JSON.stringify(answer.body))
    } catch (error) {
      const { status = 500, reason = 'InternalError', message } = error as Partial<Refused>
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(
        JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code: status }),
      )
    }
  }
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const kubeconfig = writeKubeconfig(url, token)
  const dropWatches = (): void => {
    for (const { response } of world.watchers) response.destroy()
  }
  return Object.assign(played, {
    url,
    token,
    kubeconfig: kubeconfig.path,
    hasLogs: true,
    failWith: (status: number | null) => void (failure = status),
    dropWatches,
    compact: () => void (world.oldest = ++world.version),
    countWatches: () => world.watchers.size,
    [Symbol.asyncDispose]: async () => {
      kubeconfig.remove()
      dropWatches()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
