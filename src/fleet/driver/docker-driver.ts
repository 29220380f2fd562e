/**
 * Replicas as containers of a Docker engine (or Podman's, which speaks the same API). The engine is the memory of this
 * driver: what is ours bears labels, so that another process of ours finds it again. An image that has to be fetched is
 * fetched in the background, and the replica is seen as starting meanwhile.
 */
import type { Clock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import type { Driver, ReplicaOrder, SeenReplica } from '../driver.ts'
import {
  type ContainerStats,
  containerName,
  containerOf,
  type InspectedContainer,
  labels,
  memoryOf,
  replicaOf,
} from './docker-container.ts'
import type { DockerEngine } from './docker-engine.ts'
import { dockerEvents } from './docker-events.ts'
import type { Rewatch } from './rewatch.ts'
import { DockerImages } from './docker-images.ts'
import { type DockerSpec, dockerSpecSchema } from './docker-options.ts'
import { freePort } from './free-port.ts'
import { readSpec } from './read-spec.ts'

/** Dead containers are kept for what they said, so long and so many. */
const deadKeptMs = 3600_000
const deadKept = 50
const lastLines = 40
/** Questions to the engine at once. */
const asksMax = 8
const portAttemptsMax = 5
const killMs = 20_000

export interface DockerDriverParts {
  readonly clock: Clock
  readonly engine: DockerEngine
  /** Sets our replicas apart from those of another gateway at the same engine. */
  readonly site: string
  /** How far a fetch of an image is; for the log. */
  readonly onProgress?: (image: string, line: string) => void
}

interface Listed {
  readonly Id: string
  readonly State: string
  readonly Created: number
  readonly Labels: Readonly<Record<string, string>>
}

/** An order whose image is being fetched, or could not be. */
interface Pending {
  readonly order: ReplicaOrder
  readonly sinceMs: number
  failure: string | null
}

export class DockerDriver implements Driver {
  readonly kind = 'docker'
  #parts: DockerDriverParts
  #images: DockerImages
  #events: Rewatch
  #pending = new Map<string, Pending>()
  /** Work under way by name of replica: two orders for one are one. */
  #starting = new Map<string, Promise<void>>()
  #stopping = new Map<string, Promise<void>>()
  /** By container, as long as it is listed. */
  #memorySeen = new Map<string, number>()
  #isDisposed = false

  constructor(parts: DockerDriverParts) {
    this.#parts = parts
    this.#images = new DockerImages(parts.engine, parts.onProgress)
    this.#events = dockerEvents(parts.engine, parts.clock, `${labels.site}=${parts.site}`)
  }

  async list(): Promise<SeenReplica[]> {
    const { clock, engine } = this.#parts
    const listed = await this.#listed()
    const host = engine.where
    const seen = await gathered(listed, asksMax, async ({ Id }) => {
      const container = await this.#inspect(Id)
      // Listed, and gone before it was asked for.
      if (!container) return null
      const isDead = container.State.Status === 'exited' || container.State.Status === 'dead'
      const isRunning = container.State.Status === 'running'
      const [memoryBytes, lastWords] = await Promise.all([
        isRunning ? this.#memory(Id) : null,
        isDead ? engine.logs(Id, lastLines) : '',
      ])
      if (memoryBytes !== null) this.#memorySeen.set(Id, memoryBytes)
      const earlierMemoryBytes = this.#memorySeen.get(Id) ?? null
      const isStopping = this.#stopping.has(container.Config.Labels?.[labels.name] ?? '')
      return replicaOf(container, {
        host,
        isStopping,
        memoryBytes,
        lastWords,
        earlierMemoryBytes,
        nowMs: clock.nowMs(),
      })
    })
    const ids = new Set(listed.map(({ Id }) => Id))
    for (const id of this.#memorySeen.keys()) if (!ids.has(id)) this.#memorySeen.delete(id)
    const replicas = seen.filter((replica) => replica !== null)
    const known = new Set(replicas.map(({ name }) => name))
    for (const { order, sinceMs, failure } of this.#pending.values())
      if (!known.has(order.name)) replicas.push(asPending(order, sinceMs, failure, host))
    return replicas
  }

  async start(order: ReplicaOrder): Promise<void> {
    const { name } = order
    await this.#stopping.get(name)?.catch(() => {})
    const running = this.#starting.get(name)
    if (running) return await running
    const work = this.#start(order).finally(() => this.#starting.delete(name))
    this.#starting.set(name, work)
    await work
  }

  async stop(name: string, graceMs: number): Promise<void> {
    this.#pending.delete(name)
    await this.#starting.get(name)?.catch(() => {})
    const running = this.#stopping.get(name)
    if (running) return await running
    const work = this.#stop(name, graceMs).finally(() => this.#stopping.delete(name))
    this.#stopping.set(name, work)
    await work
  }

  watch(onChange: () => void): Disposable {
    return this.#events.watch(onChange)
  }

  async logs(name: string, lines: number): Promise<string> {
    const found = await this.#find(name)
    return found ? await this.#parts.engine.logs(found.Id, lines) : (this.#pending.get(name)?.failure ?? '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#events[Symbol.dispose]()
    this.#images[Symbol.dispose]()
    this.#pending.clear()
    await Promise.allSettled([...this.#starting.values(), ...this.#stopping.values()])
  }

  async #start(order: ReplicaOrder): Promise<void> {
    const spec = readSpec(dockerSpecSchema, order)
    const earlier = await this.#find(order.name)
    if (earlier && isAlive(earlier.State)) {
      if (earlier.State === 'created') await this.#begin(earlier.Id)
      return
    }
    await this.#removeDead()
    const port = Number(earlier?.Labels[labels.port]) || null
    if (earlier) await this.#remove(earlier.Id)
    if (spec.pull !== 'always' && (await this.#images.has(spec.image))) return await this.#create(order, spec, port)
    if (spec.pull === 'never')
      throw new DriverFault(
        'refused',
        `the image ${spec.image} is not there and may not be fetched`,
        'fetch it, or set `pull: missing`',
      )
    this.#fetchThenCreate(order, spec, port)
  }

  #fetchThenCreate(order: ReplicaOrder, spec: DockerSpec, port: number | null): void {
    const { name } = order
    const pending: Pending = { order, sinceMs: this.#parts.clock.nowMs(), failure: null }
    if (this.#pending.get(name)?.failure === null) return
    this.#pending.set(name, pending)
    const isWanted = (): boolean => this.#pending.get(name) === pending && !this.#isDisposed
    void this.#images
      .fetch(spec.image)
      .then(async () => {
        if (!isWanted()) return
        const work = this.#create(order, spec, port)
        this.#starting.set(name, work)
        await work.finally(() => this.#starting.delete(name))
        this.#pending.delete(name)
      })
      .catch((error: Error) => {
        pending.failure = error.message
      })
      .finally(() => this.#events.tell())
  }

  async #create(order: ReplicaOrder, spec: DockerSpec, earlierPort: number | null): Promise<void> {
    const { engine, site } = this.#parts
    for (let attempt = 1; ; attempt++) {
      const hostPort = attempt === 1 && earlierPort ? earlierPort : await this.#freePort(spec)
      const created = await engine.ask<{ readonly Id: string }>({
        method: 'POST',
        path: '/containers/create',
        query: { name: containerName(site, order.name) },
        body: containerOf(order, spec, site, hostPort),
        orElse: [409],
      })
      if (!created) return await this.#resolveConflict(order.name)
      try {
        return await this.#begin(created.Id)
      } catch (error) {
        await this.#remove(created.Id).catch(() => {})
        // Somebody took the port meanwhile.
        const isTaken = /address already in use|port is already allocated/i.test((error as Error).message)
        if (!isTaken || attempt >= portAttemptsMax) throw error
      }
    }
  }

  async #freePort({ network, publishOn }: DockerSpec): Promise<number> {
    try {
      return await freePort(network === 'host' ? '127.0.0.1' : publishOn)
    } catch (error) {
      // An address of the engine's machine and not of ours: then a port is as good as another.
      if (
        (error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL' &&
        (error as NodeJS.ErrnoException).code !== 'ENOTFOUND'
      )
        throw error
      return await freePort('0.0.0.0')
    }
  }

  /** The name is taken: by one of ours that another process started just now, or by a stranger. */
  async #resolveConflict(name: string): Promise<void> {
    const earlier = await this.#find(name)
    if (earlier && isAlive(earlier.State)) return
    throw new DriverFault(
      'taken',
      `the name ${containerName(this.#parts.site, name)} belongs to a container that is not ours`,
      'remove or rename that container, or give this gateway another site',
    )
  }

  async #begin(id: string): Promise<void> {
    await this.#parts.engine.ask({ method: 'POST', path: `/containers/${id}/start`, limitMs: 60_000 })
  }

  async #stop(name: string, graceMs: number): Promise<void> {
    const { engine } = this.#parts
    const found = await this.#find(name)
    if (!found) return
    const container = await this.#inspect(found.Id)
    // One that is paused hears no signal.
    if (container?.State.Status === 'paused') {
      if (graceMs > 0)
        await engine.ask({ method: 'POST', path: `/containers/${found.Id}/unpause`, orElse: [404, 409, 500] })
    }
    if (isAlive(found.State) && graceMs > 0) {
      await this.#kill(found.Id, 'SIGTERM')
      await this.#waitUntilGone(found.Id, graceMs)
    }
    await this.#remove(found.Id)
  }

  async #kill(id: string, signal: string): Promise<void> {
    await this.#parts.engine.ask({
      method: 'POST',
      path: `/containers/${id}/kill`,
      query: { signal },
      orElse: [404, 409],
    })
  }

  async #waitUntilGone(id: string, withinMs: number): Promise<void> {
    const path = `/containers/${id}/wait`
    const wait = this.#parts.engine.ask({
      method: 'POST',
      path,
      query: { condition: 'not-running' },
      orElse: [404],
      limitMs: withinMs,
    })
    await wait.catch((error: unknown) => {
      // Time is up: it is killed next. Else the engine could not say.
      if (!(error instanceof DriverFault) || error.kind !== 'away') throw error
    })
  }

  /** Kills it if it lives, and waits until it is gone. */
  async #remove(id: string): Promise<void> {
    await this.#parts.engine.ask({
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { force: true, v: true },
      // Gone, or its removal is under way already.
      orElse: [404, 409],
      limitMs: killMs,
    })
    await this.#parts.engine
      .ask({
        method: 'POST',
        path: `/containers/${id}/wait`,
        query: { condition: 'removed' },
        orElse: [404],
        limitMs: killMs,
      })
      .catch((error: unknown) => {
        if (!(error instanceof DriverFault) || error.kind !== 'refused') throw error
      })
  }

  async #removeDead(): Promise<void> {
    const nowSeconds = this.#parts.clock.nowMs() / 1000
    const dead = (await this.#listed())
      .filter(({ State }) => !isAlive(State))
      .toSorted((a, b) => b.Created - a.Created)
      .filter(({ Created }, place) => place >= deadKept || nowSeconds - Created > deadKeptMs / 1000)
    for (const { Id } of dead) await this.#remove(Id)
  }

  async #listed(name?: string): Promise<Listed[]> {
    const label = [`${labels.site}=${this.#parts.site}`, ...(name === undefined ? [] : [`${labels.name}=${name}`])]
    const query = { all: true, filters: { label } }
    return (await this.#parts.engine.ask<Listed[]>({ path: '/containers/json', query })) ?? []
  }

  async #find(name: string): Promise<Listed | null> {
    const found = await this.#listed(name)
    return found.find(({ State }) => isAlive(State)) ?? found[0] ?? null
  }

  async #inspect(id: string): Promise<InspectedContainer | null> {
    return await this.#parts.engine.ask<InspectedContainer>({ path: `/containers/${id}/json`, orElse: [404] })
  }

  async #memory(id: string): Promise<number | null> {
    const query = { stream: false, 'one-shot': true }
    const path = `/containers/${id}/stats`
    return memoryOf(await this.#parts.engine.ask<ContainerStats>({ path, query, orElse: [404, 409, 500] }))
  }
}

function isAlive(state: string): boolean {
  return !['exited', 'dead', 'stopped', 'removing'].includes(state)
}

function asPending(order: ReplicaOrder, startedMs: number, failure: string | null, host: string): SeenReplica {
  const { name, deployment, release } = order
  const exit = failure === null ? null : { code: null, signal: null, isOutOfMemory: false, lastWords: failure }
  const phase = failure === null ? 'starting' : 'gone'
  return { name, deployment, release, phase, url: null, startedMs, host, memoryBytes: null, exit }
}

/** All answers, in order, of at most `most` questions at once. */
async function gathered<In, Out>(all: readonly In[], most: number, ask: (each: In) => Promise<Out>): Promise<Out[]> {
  const answers: Out[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < all.length) {
      const place = next++
      answers[place] = await ask(all[place] as In)
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, work))
  return answers
}
