/**
 * A driver of the simulated world: starts copies that become ready after a while, and fails as it is told to. What it
 * lists may be late, old or wrong; what it does is what it did.
 */
import { DriverFault } from '../../../src/fleet/driver-fault.ts'
import type { Driver, ReplicaExit, ReplicaOrder, SeenReplica } from '../../../src/fleet/driver.ts'
import type { Chance } from '../../world/chance.ts'
import type { WorldTime } from '../../world/world-time.ts'
import { Copy } from './copy.ts'
import type { DriverFailure, DriverKind, Lie } from './mishap.ts'

/** Until an order is taken, and until one that is asked to end is gone. */
const acceptMs = { process: [5, 60], docker: [80, 900], kubernetes: [40, 400] } as const
const endMs = [200, 9000] as const
/** From the order until it runs; a process does at once. */
const bootMs = { process: [0, 0], docker: [300, 2500], kubernetes: [1500, 20_000] } as const
/** A dead pod is forgotten. */
const forgetMs = 600_000
const lateMs = [3000, 25_000] as const

export interface DriverWatch {
  /** A name for which nothing was started before, or nothing that lives, now runs. */
  readonly onBorn: (copy: Copy) => void
  readonly onGone: (copy: Copy) => void
  /** It is not listed any more. */
  readonly onForgotten: (copy: Copy) => void
}

export interface ReleaseTraits {
  /** From running to ready; `Infinity`: never. */
  readonly readyMs: () => number
  /** How long after its start it dies, and how; null where it does not. */
  readonly diesAfterMs: () => number | null
}

export interface DriverWorld {
  readonly time: WorldTime
  readonly chance: Chance
  readonly wallMs: () => number
  readonly traitsOf: (order: ReplicaOrder) => ReleaseTraits
  readonly watch: DriverWatch
}

export class SimDriver implements Driver {
  readonly kind: DriverKind
  readonly copies = new Map<string, Copy>()
  #world: DriverWorld
  #failures = new Map<DriverFailure, number>()
  #lies = new Map<string, { readonly how: Lie; readonly untilMs: number; readonly last: SeenReplica }>()
  #old: readonly SeenReplica[] | null = null
  #hints = new Set<() => void>()
  #ports = 10_000
  #ends = new Map<string, Promise<void>>()

  constructor(kind: DriverKind, world: DriverWorld) {
    this.kind = kind
    this.#world = world
  }

  // Misfortunes.

  fail(how: DriverFailure, forMs: number): void {
    this.#failures.set(how, this.#nowMs + forMs)
    if (how === 'old') this.#old = [...this.copies.values()].map((copy) => copy.seen())
  }

  lie(copy: Copy, how: Lie, forMs: number): void {
    this.#lies.set(copy.name, { how, untilMs: this.#nowMs + forMs, last: copy.seen() })
  }

  die(copy: Copy, exit: ReplicaExit): void {
    if (!copy.isAlive || this.copies.get(copy.name) !== copy) return
    copy.change('gone', exit)
    copy.endedMs = this.#nowMs
    this.#world.watch.onGone(copy)
    this.#hint()
    if (this.kind === 'kubernetes') this.#world.time.after(forgetMs, () => this.#forget(copy))
  }

  /** It tells nothing, or nothing new. */
  get isMute(): boolean {
    return this.#fails('away') || this.#fails('late') || this.#fails('old')
  }

  // The contract.

  async list(): Promise<SeenReplica[]> {
    const nowMs = this.#nowMs
    if (this.#fails('late')) await this.#wait(lateMs)
    if (this.#fails('away')) throw away()
    if (this.#old !== null && this.#fails('old')) return this.#told(this.#old)
    this.#old = null
    const list: SeenReplica[] = []
    for (const copy of this.copies.values()) {
      if (this.#lies.size > 0 && this.#isLie(copy, list, nowMs)) continue
      copy.listedPhase = copy.phase
      list.push(copy.seen())
    }
    return list
  }

  async start(order: ReplicaOrder): Promise<void> {
    await this.#wait(acceptMs[this.kind])
    await this.#ends.get(order.name)
    if (this.#fails('away')) throw away()
    if (this.#fails('refuses')) throw new DriverFault('refused', 'no room for it', 'make some')
    if (!this.copies.get(order.name)?.isAlive) this.#bear(order)
    if (this.#fails('start-lost')) throw away()
  }

  async stop(name: string, graceMs: number): Promise<void> {
    await this.#wait(acceptMs[this.kind])
    if (this.#fails('away')) throw away()
    const running = this.#ends.get(name)
    if (running) return await running
    const end = this.#end(name, graceMs).finally(() => this.#ends.delete(name))
    this.#ends.set(name, end)
    await end
  }

  watch(onChange: () => void): Disposable {
    this.#hints.add(onChange)
    return { [Symbol.dispose]: () => void this.#hints.delete(onChange) }
  }

  async logs(name: string): Promise<string> {
    if (this.#fails('away')) throw away()
    return this.copies.get(name)?.exit?.lastWords ?? 'loading the weights'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hints.clear()
  }

  // What it does.

  #bear(order: ReplicaOrder): void {
    const { time, chance, wallMs, traitsOf, watch } = this.#world
    const traits = traitsOf(order)
    const nowMs = this.#nowMs
    const [bootMin, bootMax] = bootMs[this.kind]
    const upMs = nowMs + chance.between(bootMin, bootMax)
    const birth = { order, host: this.kind, startedMs: wallMs(), bornMs: nowMs, readyAtMs: upMs + traits.readyMs() }
    const copy = new Copy({ ...birth, url: `http://${this.kind}:${this.#ports++}` })
    const before = this.copies.get(order.name)
    if (before) this.#forget(before)
    this.copies.set(order.name, copy)
    watch.onBorn(copy)
    const run = (): void => {
      if (copy.phase !== 'starting') return
      copy.change('running')
      this.#hint()
    }
    if (upMs > nowMs) time.after(upMs - nowMs, run)
    else run()
    const diesAfterMs = traits.diesAfterMs()
    const exit = { code: 1, signal: null, isOutOfMemory: false, lastWords: 'it was not to be' }
    if (diesAfterMs !== null) time.after(upMs - nowMs + diesAfterMs, () => this.die(copy, exit))
  }

  async #end(name: string, graceMs: number): Promise<void> {
    const copy = this.copies.get(name)
    if (!copy) return
    if (copy.isAlive) {
      if (copy.phase !== 'stopping') copy.change('stopping')
      await this.#wait([endMs[0], Math.max(endMs[0], Math.min(endMs[1], graceMs))])
      while (copy.isAlive && this.#fails('stop-stuck')) await this.#wait([1000, 5000])
    }
    if (copy.isAlive) {
      copy.change('gone')
      this.#world.watch.onGone(copy)
      this.#hint()
    }
    this.#forget(copy)
  }

  #forget(copy: Copy): void {
    if (this.copies.get(copy.name) !== copy) return
    this.copies.delete(copy.name)
    this.#world.watch.onForgotten(copy)
  }

  #isLie(copy: Copy, list: SeenReplica[], nowMs: number): boolean {
    const lie = this.#lies.get(copy.name)
    if (!lie) return false
    if (nowMs >= lie.untilMs) {
      this.#lies.delete(copy.name)
      return false
    }
    if (lie.how === 'forgotten') {
      copy.listedPhase = null
      return true
    }
    if (lie.how === 'dead-runs') {
      if (copy.isAlive || lie.last.startedMs !== copy.birth.startedMs) return false
      copy.listedPhase = lie.last.phase
      list.push(lie.last)
      return true
    }
    // An earlier copy, long dead, beside the one that runs.
    const exit = { code: 0, signal: null, isOutOfMemory: false, lastWords: 'long ago' }
    const earlier = { ...copy.seen(), phase: 'gone', startedMs: copy.birth.startedMs - 1e6, url: null, exit } as const
    copy.listedPhase = copy.phase
    list.push(...(this.#world.chance.happens(0.5) ? [earlier, copy.seen()] : [copy.seen(), earlier]))
    return true
  }

  #told(list: readonly SeenReplica[]): SeenReplica[] {
    for (const copy of this.copies.values()) copy.listedPhase = null
    for (const { name, phase, startedMs } of list) {
      const copy = this.copies.get(name)
      if (copy?.birth.startedMs === startedMs) copy.listedPhase = phase
    }
    return [...list]
  }

  #hint(): void {
    if (this.#fails('deaf')) return
    for (const hint of this.#hints) hint()
  }

  #fails(how: DriverFailure): boolean {
    return this.#failures.size > 0 && (this.#failures.get(how) ?? 0) > this.#nowMs
  }

  #wait([min, max]: readonly [number, number]): Promise<void> {
    return new Promise((resolve) => this.#world.time.after(this.#world.chance.between(min, max), resolve))
  }

  get #nowMs(): number {
    return this.#world.time.monotonicMs()
  }
}

const away = (): DriverFault => new DriverFault('away', 'nobody answers', 'wait')
