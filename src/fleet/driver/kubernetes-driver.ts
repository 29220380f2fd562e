/**
 * Replicas as Deployments of one pod each in a Kubernetes cluster, which restarts and moves them by itself, even while
 * no gateway looks. The cluster is the memory of this driver. Design: docs/design/0053-kubernetes.md.
 */
import type { Clock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import type { Driver, ReplicaOrder, SeenReplica } from '../driver.ts'
import type { KubernetesApi } from './kubernetes-api.ts'
import type { KubeDeployment, KubePod } from './kubernetes-kinds.ts'
import { deploymentName, deploymentOf, marks, safeName, selectorOf, serviceOf } from './kubernetes-objects.ts'
import { kubernetesSpecSchema } from './kubernetes-options.ts'
import { chosenPod, endpointsOf, memoryOf, replicaOf, troubleOf } from './kubernetes-replica.ts'
import { readSpec } from './read-spec.ts'
import { Rewatch } from './rewatch.ts'

const lookMs = 250
/** Beyond its grace, until the node and the cluster have said that a pod is gone. */
const confirmMs = 60_000

export interface KubernetesDriverParts {
  readonly clock: Clock
  readonly api: KubernetesApi
  /** Sets our replicas apart from those of another gateway in the same namespace. */
  readonly site: string
}

export class KubernetesDriver implements Driver {
  readonly kind = 'kubernetes'
  #clock: Clock
  #api: KubernetesApi
  #site: string
  /** Work under way, one after the other, by name of replica. */
  #turns = new Map<string, Promise<void>>()
  #watch: Rewatch
  #isDisposed = false

  constructor({ clock, api, site }: KubernetesDriverParts) {
    this.#clock = clock
    this.#api = api
    this.#site = site
    this.#watch = new Rewatch(clock, (signal) => this.#follow(signal))
  }

  async list(): Promise<SeenReplica[]> {
    const ours = selectorOf(this.#site)
    const [deployments, pods] = await Promise.all([this.#api.deployments(ours), this.#api.pods(ours)])
    if (deployments.length === 0) return []
    const [slices, metrics] = await Promise.all([this.#slices(deployments), this.#api.podMetrics(ours)])
    const byReplica = Map.groupBy(pods.items, ({ metadata }) => metadata?.labels?.[marks.replica] ?? '')
    const endpoints = endpointsOf(slices)
    const memory = memoryOf(metrics)
    return deployments
      .map((each) =>
        replicaOf(each, byReplica.get(each.metadata?.labels?.[marks.replica] ?? '') ?? [], endpoints, memory),
      )
      .filter((replica) => replica !== null)
  }

  async start(order: ReplicaOrder): Promise<void> {
    await this.#inTurn(order.name, async () => await this.#start(order))
  }

  async stop(name: string, graceMs: number): Promise<void> {
    await this.#inTurn(name, async () => await this.#stop(name, graceMs))
  }

  watch(onChange: () => void): Disposable {
    return this.#watch.watch(onChange)
  }

  async logs(name: string, lines: number): Promise<string> {
    const pod = chosenPod((await this.#pods(name)).items)
    if (!pod?.metadata?.name) return ''
    const status = pod.status?.containerStatuses?.[0]
    const isBetweenLives = status?.state?.running === undefined && (status?.restartCount ?? 0) > 0
    const log = await this.#api.log(pod.metadata.name, lines, isBetweenLives)
    return [log, troubleOf(pod)].filter(Boolean).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#watch[Symbol.dispose]()
    await Promise.allSettled(this.#turns.values())
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const ours = selectorOf(this.#site)
    const { metadata } = await this.#api.pods(ours)
    await this.#api.watchPods(ours, metadata?.resourceVersion, () => this.#watch.tell(), signal)
  }

  /** What waits for its turn is bounded by the orders that are given. */
  async #inTurn(name: string, run: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(name) ?? Promise.resolve()
    const mine = before.catch(() => {}).then(run)
    this.#turns.set(name, mine)
    try {
      await mine
    } finally {
      if (this.#turns.get(name) === mine) this.#turns.delete(name)
    }
  }

  async #start(order: ReplicaOrder): Promise<void> {
    const spec = readSpec(kubernetesSpecSchema, order)
    const earlier = await this.#find(order.name)
    // A stop that somebody began and did not end.
    if (earlier && (earlier.spec?.replicas === 0 || earlier.metadata?.deletionTimestamp))
      await this.#stop(order.name, 0)
    else if (earlier) return await this.#startAnew(order.name)
    const isMade = await this.#api.createDeployment(deploymentOf(order, spec, this.#site))
    if (!isMade && !(await this.#find(order.name)))
      throw new DriverFault(
        'taken',
        `the name ${deploymentName(this.#site, order.name)} belongs to a Deployment in ${this.#api.namespace} that is not ours`,
        'remove or rename it, or give this gateway another site',
      )
    await this.#api.createService(serviceOf(order, spec, this.#site))
  }

  /** The cluster waits longer each time before it tries again; a new pod is tried at once. */
  async #startAnew(name: string): Promise<void> {
    const seen = (await this.list()).find((replica) => replica.name === name)
    if (seen?.phase !== 'gone') return
    for (const { metadata } of (await this.#pods(name)).items)
      if (metadata?.name) await this.#api.deletePod(metadata.name, 1)
  }

  async #stop(name: string, graceMs: number): Promise<void> {
    const found = await this.#find(name)
    if (!found?.metadata?.name) return
    // First nobody makes a new pod, then the one that is there ends; the other way round it would be replaced.
    await this.#api.scale(found.metadata.name, 0)
    await this.#endPods(name, graceMs)
    await this.#api.deleteDeployment(found.metadata.name, found.metadata.uid)
    const deployment = found.metadata.annotations?.[marks.deployment]
    if (deployment !== undefined) await this.#removeService(deployment)
  }

  async #endPods(name: string, graceMs: number): Promise<void> {
    // A grace of 0 would make the cluster forget a pod that may still run.
    const graceSeconds = Math.max(1, Math.ceil(graceMs / 1000))
    const asked = new Set<string>()
    const endMs = this.#clock.monotonicMs() + graceMs + confirmMs
    while (!this.#isDisposed) {
      const { items } = await this.#pods(name)
      if (items.length === 0) return
      for (const { metadata } of items) {
        const { uid = '', name: pod = '' } = metadata ?? {}
        if (!asked.has(uid)) await this.#api.deletePod(pod, graceSeconds)
        asked.add(uid)
      }
      if (this.#clock.monotonicMs() > endMs) throw this.#unconfirmed(items)
      await new Promise<void>((resolve) => this.#clock.after(lookMs, resolve))
    }
    throw new DriverFault('away', `the driver was closed while ${name} ended`, 'stop it again')
  }

  #unconfirmed(pods: readonly KubePod[]): DriverFault {
    const [pod] = pods
    const node = pod?.spec?.nodeName ?? 'its node'
    return new DriverFault(
      'away',
      `${node} does not say that pod ${pod?.metadata?.name} has ended`,
      `see that node; if it is lost for good: kubectl delete pod --force ${pod?.metadata?.name}`,
    )
  }

  async #removeService(deployment: string): Promise<void> {
    const rest = await this.#api.deployments(selectorOf(this.#site, { deployment }))
    if (rest.length === 0) await this.#api.deleteService(deploymentName(this.#site, deployment))
  }

  async #slices(deployments: readonly KubeDeployment[]): ReturnType<KubernetesApi['endpointSlices']> {
    const services = deployments.map(({ metadata }) =>
      deploymentName(this.#site, metadata?.annotations?.[marks.deployment] ?? ''),
    )
    return await this.#api.endpointSlices(`kubernetes.io/service-name in (${[...new Set(services)].join(',')})`)
  }

  async #find(name: string): Promise<KubeDeployment | null> {
    const found = await this.#api.deployments(selectorOf(this.#site, { replica: name }))
    return found.find(({ metadata }) => metadata?.labels?.[marks.replica] === safeName(name)) ?? null
  }

  async #pods(name: string): ReturnType<KubernetesApi['pods']> {
    return await this.#api.pods(selectorOf(this.#site, { replica: name }))
  }
}
