/**
 * The Kubernetes API by its official client, as far as replicas need it. Each question has a time limit; a failure says
 * what to do about it. Heavy: loaded only where a deployment asks for this driver.
 */
import type * as Client from '@kubernetes/client-node'
import type { AppsV1Api, CoreV1Api, CustomObjectsApi, DiscoveryApi, KubeConfig } from '@kubernetes/client-node'
import type { Clock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import type { KubeDeployment, KubeEndpointSlice, KubePod, KubePodMetrics } from './kubernetes-kinds.ts'
import type { KubernetesSettings } from './kubernetes-options.ts'

const askMs = 30_000
/** The server ends a watch after this, before the client takes its silence for a dead connection (30 s). */
const watchSeconds = 25
const logBytesMax = 256 * 1024
/** A cluster without metrics is asked for them again after this. */
const metricsRestMs = 300_000

type Library = typeof Client

interface ApiError extends Error {
  readonly code?: number | string
  readonly body?: unknown
  readonly cause?: unknown
}

interface List<Item> {
  readonly items: Item[]
  readonly metadata?: { readonly resourceVersion?: string }
}

export class KubernetesApi {
  readonly where: string
  readonly namespace: string
  #clock: Clock
  #library: Library
  #config: KubeConfig
  #apps: AppsV1Api
  #core: CoreV1Api
  #custom: CustomObjectsApi
  #discovery: DiscoveryApi
  #sliceVersion: string | null = null
  #metricsFromMs = 0

  private constructor(library: Library, config: KubeConfig, { namespace }: KubernetesSettings, clock: Clock) {
    this.#library = library
    this.#config = config
    this.#clock = clock
    this.where = config.getCurrentCluster()?.server ?? ''
    this.namespace = namespace ?? contextNamespace(config) ?? 'default'
    this.#apps = config.makeApiClient(library.AppsV1Api)
    this.#core = config.makeApiClient(library.CoreV1Api)
    this.#custom = config.makeApiClient(library.CustomObjectsApi)
    this.#discovery = config.makeApiClient(library.DiscoveryApi)
  }

  /** Loads the library and the configuration; asks nothing yet. @throws DriverFault where no cluster is named */
  static async open(settings: KubernetesSettings, clock: Clock): Promise<KubernetesApi> {
    const library = await import('@kubernetes/client-node')
    const config = new library.KubeConfig()
    try {
      if (settings.kubeconfig === undefined) config.loadFromDefault()
      else config.loadFromFile(settings.kubeconfig)
      if (settings.context !== undefined) config.setCurrentContext(settings.context)
    } catch (error) {
      throw new DriverFault(
        'refused',
        `the kubeconfig cannot be read (${(error as Error).message})`,
        'mend it, or name another (`drivers.kubernetes.kubeconfig`)',
        error,
      )
    }
    if (!config.getCurrentCluster())
      throw new DriverFault(
        'refused',
        'no cluster is named',
        'run inside the cluster, or give `drivers.kubernetes.kubeconfig` and `context`',
      )
    return new KubernetesApi(library, config, settings, clock)
  }

  async deployments(labelSelector: string): Promise<KubeDeployment[]> {
    const { namespace } = this
    const list = await this.#ask('list deployments', () =>
      this.#apps.listNamespacedDeployment({ namespace, labelSelector }),
    )
    return list?.items ?? []
  }

  async pods(labelSelector: string): Promise<List<KubePod>> {
    const { namespace } = this
    const list = await this.#ask('list pods', () => this.#core.listNamespacedPod({ namespace, labelSelector }))
    return (list as List<KubePod> | null) ?? { items: [] }
  }

  /** Empty where they cannot be had: a pod tells its address as well. */
  async endpointSlices(labelSelector: string): Promise<KubeEndpointSlice[]> {
    const group = 'discovery.k8s.io'
    try {
      this.#sliceVersion ??= await this.#preferredVersion()
      const version = this.#sliceVersion
      return await this.#listCustom<KubeEndpointSlice>({ group, version, plural: 'endpointslices' }, labelSelector)
    } catch (error) {
      if (error instanceof DriverFault && error.kind === 'refused') return []
      throw error
    }
  }

  /** Empty where the cluster has none. */
  async podMetrics(labelSelector: string): Promise<KubePodMetrics[]> {
    if (this.#clock.monotonicMs() < this.#metricsFromMs) return []
    const part = { group: 'metrics.k8s.io', version: 'v1beta1', plural: 'pods' }
    return await this.#listCustom<KubePodMetrics>(part, labelSelector).catch(() => {
      this.#metricsFromMs = this.#clock.monotonicMs() + metricsRestMs
      return []
    })
  }

  /** @returns whether it was made; false if there is one of that name */
  async createDeployment(body: object): Promise<boolean> {
    const { namespace } = this
    return (
      (await this.#ask(
        'create a deployment',
        () => this.#apps.createNamespacedDeployment({ namespace, body }),
        [409],
      )) !== null
    )
  }

  async createService(body: object): Promise<boolean> {
    const { namespace } = this
    return (
      (await this.#ask('create a service', () => this.#core.createNamespacedService({ namespace, body }), [409])) !==
      null
    )
  }

  async scale(name: string, replicas: number): Promise<void> {
    const { namespace } = this
    const { setHeaderOptions, PatchStrategy } = this.#library
    const asMerge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    const patch = { namespace, name, body: { spec: { replicas } } }
    await this.#ask('scale a deployment', () => this.#apps.patchNamespacedDeploymentScale(patch, asMerge), [404])
  }

  async deleteDeployment(name: string, uid: string | undefined): Promise<void> {
    const { namespace } = this
    const body = { propagationPolicy: 'Background', ...(uid ? { preconditions: { uid } } : {}) }
    await this.#ask(
      'delete a deployment',
      () => this.#apps.deleteNamespacedDeployment({ namespace, name, body }),
      [404, 409],
    )
  }

  async deleteService(name: string): Promise<void> {
    const { namespace } = this
    await this.#ask('delete a service', () => this.#core.deleteNamespacedService({ namespace, name }), [404])
  }

  async deletePod(name: string, gracePeriodSeconds: number): Promise<void> {
    const { namespace } = this
    await this.#ask(
      'delete a pod',
      () => this.#core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds }),
      [404],
    )
  }

  /** Empty where it has written nothing, or was not started yet. */
  async log(name: string, tailLines: number, previous: boolean): Promise<string> {
    const { namespace } = this
    const question = { namespace, name, tailLines, previous, limitBytes: logBytesMax }
    return (await this.#ask('read the log of a pod', () => this.#core.readNamespacedPodLog(question), [400, 404])) ?? ''
  }

  /** Follows pods from a version on; resolves when that ends, for whatever reason. */
  async watchPods(
    labelSelector: string,
    resourceVersion: string | undefined,
    onEvent: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const watch = new this.#library.Watch(this.#config)
    const path = `/api/v1/namespaces/${encodeURIComponent(this.namespace)}/pods`
    const query = { labelSelector, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: watchSeconds }
    const { promise, resolve } = Promise.withResolvers<void>()
    let run: AbortController | null = null
    const onLine = (type: string): void => {
      if (type === 'BOOKMARK') return
      onEvent()
      // The version is too old (410), or the server gives up: it is listed anew.
      if (type === 'ERROR') run?.abort()
    }
    signal.addEventListener('abort', () => run?.abort(), { once: true })
    run = await watch.watch(path, query, onLine, () => resolve())
    if (signal.aborted) run.abort()
    await promise
  }

  async #preferredVersion(): Promise<string> {
    const group = await this.#ask('ask for its versions', () => this.#discovery.getAPIGroup())
    return group?.preferredVersion?.version ?? 'v1'
  }

  async #listCustom<Item>(
    part: { group: string; version: string; plural: string },
    labelSelector: string,
  ): Promise<Item[]> {
    const { namespace } = this
    const question = { ...part, namespace, labelSelector }
    const list: unknown = await this.#ask(`list ${part.plural}`, () =>
      this.#custom.listNamespacedCustomObject(question),
    )
    return (list as List<Item> | null)?.items ?? []
  }

  /** @param orElse statuses that are an answer and no failure; they give null */
  async #ask<Answer>(what: string, run: () => Promise<Answer>, orElse: readonly number[] = []): Promise<Answer | null> {
    const { promise, reject } = Promise.withResolvers<never>()
    const late = this.#clock.after(askMs, () => reject(new Error(`no answer within ${askMs} ms`)))
    try {
      return await Promise.race([run(), promise])
    } catch (error) {
      const { code } = error as ApiError
      if (typeof code === 'number' && orElse.includes(code)) return null
      throw this.#fault(what, error as ApiError)
    } finally {
      late.cancel()
    }
  }

  #fault(what: string, error: ApiError): DriverFault {
    const { code } = error
    const said = wordsOf(error)
    if (typeof code !== 'number')
      return new DriverFault(
        'away',
        `the cluster at ${this.where} cannot be asked to ${what} (${said})`,
        'see that it runs and that the kubeconfig names it',
        error,
      )
    const kind = code >= 500 || code === 429 ? 'away' : 'refused'
    return new DriverFault(
      kind,
      `the cluster does not ${what} (${code}): ${said}`,
      cures[code] ?? 'see the release',
      error,
    )
  }
}

const cures: Readonly<Record<number, string>> = {
  401: 'give the gateway a valid token or certificate (service account or kubeconfig)',
  403: 'give its service account the Role of deploy/kubernetes/rbac.yaml, or see the quota of the namespace',
  404: 'see that the namespace exists (`drivers.kubernetes.namespace`)',
  429: 'the cluster is asked again later',
  500: 'see the log of the API server',
  503: 'see the log of the API server',
}

function wordsOf({ body, message, cause }: ApiError): string {
  const status: unknown = typeof body === 'string' ? parse(body) : body
  const said = (status as { message?: unknown } | null)?.message
  if (typeof said === 'string') return said
  const deeper = (cause as NodeJS.ErrnoException | undefined)?.code
  return deeper ?? message.split('\n')[0] ?? ''
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function contextNamespace(config: KubeConfig): string | undefined {
  return config.getContextObject(config.getCurrentContext())?.namespace
}
