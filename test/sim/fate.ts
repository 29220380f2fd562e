/** Makes the faults of a scenario happen, and mends everything in the end. */
import type { Gateway } from '../world/gateway.ts'
import type { Membership, ModelServer } from '../world/model-server.ts'
import type { Network } from '../world/network.ts'
import type { Trace } from '../world/trace.ts'
import type { WorldDisk } from '../world/world-disk.ts'
import type { WorldTime } from '../world/world-time.ts'
import type { Scenario } from './scenario.ts'
import { faultWords, type WorldFault } from './world-fault.ts'

/** A supervisor sees that a process is dead, and says so, after this. */
const toldMs = 40

export interface FateWorld {
  readonly scenario: Scenario
  readonly time: WorldTime
  readonly network: Network
  readonly disk: WorldDisk
  readonly servers: readonly ModelServer[]
  readonly gateways: readonly Gateway[]
  readonly trace: Trace
}

export class Fate {
  #world: FateWorld
  /** Several faults of one kind may overlap: the last one to end mends. */
  #held = new Map<string, number>()

  constructor(world: FateWorld) {
    this.#world = world
  }

  /** Plans everything; returns when the last of it is mended, on the world's clock. */
  prepare(): number {
    const { faults } = this.#world.scenario
    for (const fault of faults) this.#world.time.after(fault.atMs, () => this.#strike(fault))
    const lastMs = Math.max(0, ...faults.map((fault) => fault.atMs + ('forMs' in fault ? fault.forMs : 0)))
    this.#world.time.after(lastMs, () => {
      for (const server of this.#world.servers) server.disarm()
    })
    return lastMs + 1
  }

  #strike(fault: WorldFault): void {
    const { servers, gateways, network, disk, trace } = this.#world
    trace.note('FATE', faultWords(fault).trim())
    switch (fault.kind) {
      case 'server crash': {
        const server = pick(servers, fault.server)
        return this.#hold(fault.kind + fault.server, fault.forMs, [() => server.crash(), () => server.restart()])
      }
      case 'server sick': {
        const server = pick(servers, fault.server)
        server.sickUntilMs = Math.max(server.sickUntilMs, this.#world.time.monotonicMs() + fault.forMs)
        return
      }
      case 'server stall': {
        const server = pick(servers, fault.server)
        server.stalledUntilMs = Math.max(server.stalledUntilMs, this.#world.time.monotonicMs() + fault.forMs)
        return
      }
      case 'call':
        return pick(servers, fault.server).strike(fault.fault)
      case 'server link cut':
        return this.#cut(network, pick(gateways, fault.gateway).name, pick(servers, fault.server).name, fault.forMs)
      case 'client link cut':
        return this.#cutClients(fault)
      case 'gateway kill':
        return this.#kill(fault)
      case 'gateway stop': {
        const gateway = pick(gateways, fault.gateway)
        return this.#hold(fault.kind + fault.gateway, fault.forMs, [() => gateway.stop(), () => gateway.goOn()])
      }
      case 'gateway restart':
        return pick(gateways, fault.gateway).restart(fault.graceMs)
      case 'disk full':
        return this.#hold(fault.kind, fault.forMs, [() => (disk.isFull = true), () => (disk.isFull = false)])
      case 'turnover':
        return this.#turnOver(fault)
      case 'clock jump':
        pick(gateways, fault.gateway).skew.ms += fault.byMs
        return
    }
  }

  /** One that is on its way out already goes on its way. */
  #turnOver(fault: WorldFault & { kind: 'turnover' }): void {
    const { servers, gateways, time, trace } = this.#world
    const server = pick(servers, fault.server)
    if (server.membership !== 'in') return
    const turn = (to: Membership): void => {
      server.membership = to
      if (to === 'out') server.outMs = time.monotonicMs()
      trace.note('FATE', `${server.name} is ${to}`)
      for (const gateway of gateways) gateway.turnOver(server, fault.moveAfterMs)
    }
    turn('draining')
    time.after(fault.leavesMs, () => turn('out'))
    time.after(fault.forMs, () => turn('in'))
  }

  #kill(fault: WorldFault & { kind: 'gateway kill' }): void {
    const { gateways, time } = this.#world
    const gateway = pick(gateways, fault.gateway)
    this.#hold(fault.kind + fault.gateway, fault.forMs, [
      () => {
        const node = gateway.kill()
        if (node === null || !fault.isTold) return
        time.after(toldMs, () => {
          for (const other of gateways) other.bury(node)
        })
      },
      () => gateway.start(),
    ])
  }

  #cutClients({ gateway, story, forMs }: WorldFault & { kind: 'client link cut' }): void {
    const { scenario, network, gateways } = this.#world
    const { readers } = pick(scenario.stories, story)
    for (const { name } of readers) this.#cut(network, name, pick(gateways, gateway).name, forMs)
  }

  #cut(network: Network, a: string, b: string, forMs: number): void {
    network.cut(a, b)
    this.#world.time.after(forMs, () => network.mend(a, b))
  }

  #hold(what: string, forMs: number, [begin, end]: readonly [() => void, () => void]): void {
    const { time, trace } = this.#world
    this.#held.set(what, (this.#held.get(what) ?? 0) + 1)
    begin()
    time.after(forMs, () => {
      const left = (this.#held.get(what) ?? 1) - 1
      this.#held.set(what, left)
      if (left > 0) return
      trace.note('FATE', `${what} is over`)
      end()
    })
  }
}

function pick<T>(items: readonly T[], at: number): T {
  const item = items[at % items.length]
  if (item === undefined) throw new RangeError(`no number ${at}`)
  return item
}
