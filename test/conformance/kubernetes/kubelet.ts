/**
 * Plays the node of a cluster: binds pods to itself, starts their commands as processes of this machine at loopback
 * addresses of their own, reports what becomes of them, and ends them when they are deleted.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { KubeClient } from './kube-client.ts'

const lookMs = 250
const wordsMax = 2048
/** A real one waits 10 s and more. */
const backOffMs = 1000

interface Pod {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly deletionTimestamp?: string
    readonly deletionGracePeriodSeconds?: number
  }
  readonly spec: {
    readonly nodeName?: string
    readonly containers: readonly [
      {
        readonly name: string
        readonly image: string
        readonly command?: readonly string[]
        readonly args?: readonly string[]
        readonly env?: readonly { readonly name: string; readonly value?: string }[]
      },
    ]
  }
}

interface Run {
  /** Where it listens. */
  readonly ip: string
  /** What is told of that; controllers take no loopback addresses for endpoints. */
  readonly toldIp: string
  child: ChildProcess | null
  startedAt: string
  words: string
  restarts: number
  last: object | null
  isEnding: boolean
}

export const node = 'test-node'
let addresses = 0

export class Kubelet implements AsyncDisposable {
  #client: KubeClient
  #runs = new Map<string, Run>()
  #timer: NodeJS.Timeout
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(client: KubeClient) {
    this.#client = client
    // Without it, controllers make no endpoints of its pods.
    const self = { apiVersion: 'v1', kind: 'Node', metadata: { name: node } }
    this.#turn = client.ask('POST', '/api/v1/nodes', self).then(
      () => {},
      () => {},
    )
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.#look()).catch(() => {})
    }, lookMs)
  }

  /** The end of what a pod wrote. */
  words(name: string): string {
    return this.#runs.get(name)?.words ?? ''
  }

  kill(name: string): void {
    this.#runs.get(name)?.child?.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#turn
    for (const { child } of this.#runs.values()) child?.kill('SIGKILL')
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return
    const { items } = (await this.#client.ask('GET', '/api/v1/namespaces/default/pods')).body as { items: Pod[] }
    const known = new Set(items.map(({ metadata }) => metadata.name))
    for (const pod of items) await this.#tend(pod).catch(() => {})
    for (const [name, { child }] of this.#runs)
      if (!known.has(name)) {
        child?.kill('SIGKILL')
        this.#runs.delete(name)
      }
  }

  async #tend(pod: Pod): Promise<void> {
    const { name, deletionTimestamp } = pod.metadata
    const run = this.#runs.get(name)
    if (deletionTimestamp) return await this.#end(pod, run)
    if (!pod.spec.nodeName) {
      const target = { apiVersion: 'v1', kind: 'Node', name: node }
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target }
      await this.#client.ask('POST', `/api/v1/namespaces/default/pods/${name}/binding`, binding)
    }
    if (!run) await this.#begin(pod)
  }

  async #begin(pod: Pod): Promise<void> {
    const { name } = pod.metadata
    const [{ image }] = pod.spec.containers
    // Linux answers for all of 127/8.
    const ip = `127.77.${1 + Math.floor(++addresses / 250)}.${1 + (addresses % 250)}`
    const told = pod.spec.containers[0].env?.find((each) => each.name === 'POD_IP')?.value
    const run: Run = {
      ip,
      toldIp: told ?? ip,
      child: null,
      startedAt: '',
      words: '',
      restarts: 0,
      last: null,
      isEnding: false,
    }
    this.#runs.set(name, run)
    if (image.includes('nowhere')) {
      const message = `Back-off pulling image "${image}"`
      return await this.#report(pod, run, { waiting: { reason: 'ImagePullBackOff', message } })
    }
    await this.#spawn(pod, run)
  }

  async #spawn(pod: Pod, run: Run): Promise<void> {
    const [{ command = [], args = [], env = [] }] = pod.spec.containers
    const [program = '', ...rest] = [...command, ...args]
    const variables = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]))
    const child = spawn(program, rest, { env: { ...variables, HOST: run.ip }, stdio: ['ignore', 'pipe', 'pipe'] })
    run.child = child
    run.startedAt = new Date().toISOString().replace(/\.\d+Z/, 'Z')
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => (run.words = (run.words + piece.toString()).slice(-wordsMax)))
    child.once('error', (error) => {
      run.child = null
      child.removeAllListeners('close')
      void this.#report(pod, run, { waiting: { reason: 'RunContainerError', message: error.message } })
    })
    child.once('close', (code, signal) => void this.#ended(pod, run, signal === 'SIGKILL' ? 137 : (code ?? 143)))
    await this.#report(pod, run, { running: { startedAt: run.startedAt } })
  }

  async #ended(pod: Pod, run: Run, exitCode: number): Promise<void> {
    run.child = null
    if (run.isEnding || this.#isClosed || run.startedAt === '') return
    run.last = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', message: run.words }
    run.restarts++
    await this.#report(pod, run, {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' },
    })
    setTimeout(() => {
      if (!run.isEnding && !this.#isClosed && this.#runs.get(pod.metadata.name) === run) void this.#spawn(pod, run)
    }, backOffMs * run.restarts).unref()
  }

  async #report(pod: Pod, run: Run, state: object): Promise<void> {
    const isReady = 'running' in state
    const status = {
      phase: isReady ? 'Running' : run.restarts > 0 ? 'Running' : 'Pending',
      podIP: run.toldIp,
      podIPs: [{ ip: run.toldIp }],
      startTime: run.startedAt || new Date().toISOString().replace(/\.\d+Z/, 'Z'),
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
        type,
        status: isReady || type === 'PodScheduled' || type === 'Initialized' ? 'True' : 'False',
      })),
      containerStatuses: [
        {
          name: pod.spec.containers[0].name,
          image: pod.spec.containers[0].image,
          imageID: '',
          ready: isReady,
          restartCount: run.restarts,
          state,
          lastState: run.last ? { terminated: run.last } : {},
        },
      ],
    }
    await this.#client.ask('PATCH', `/api/v1/namespaces/default/pods/${pod.metadata.name}/status`, { status })
  }

  async #end({ metadata }: Pod, run: Run | undefined): Promise<void> {
    const { name, deletionGracePeriodSeconds = 0 } = metadata
    const gone = async (): Promise<void> => {
      this.#runs.delete(name)
      await this.#client.ask('DELETE', `/api/v1/namespaces/default/pods/${name}`, { gracePeriodSeconds: 0 })
    }
    if (!run?.child) return await gone()
    const { child } = run
    // A second deletion may have shortened its grace.
    const graceMs = deletionGracePeriodSeconds * 1000
    setTimeout(() => child.kill('SIGKILL'), graceMs).unref()
    if (run.isEnding) return
    run.isEnding = true
    child.once('close', () => void gone().catch(() => {}))
    child.kill('SIGTERM')
  }
}
