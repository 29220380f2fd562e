/** Model servers on fixed ports of which the next in turn is killed every period, and started again. */
import type { ChildServer } from '../../lab/child.ts'
import type { FaultOrder } from '../../lab/fault-plan.ts'
import { type SimFlags, startSim } from '../../lab/start-sim.ts'

/** For a port that another connection has for a moment. */
const portTriesMax = 20

export interface ReplicaOptions {
  readonly count: number
  readonly flags: SimFlags
  readonly killPeriodMs: number
  /** What goes wrong in each of them, also after it was started again. */
  readonly faults?: readonly FaultOrder[]
}

export class Replicas implements AsyncDisposable {
  #options: ReplicaOptions
  #servers: (ChildServer | null)[] = []
  #timer: NodeJS.Timeout | null = null
  #work: Promise<void> = Promise.resolve()
  killCount = 0

  private constructor(options: ReplicaOptions) {
    this.#options = options
  }

  static async start(options: ReplicaOptions): Promise<Replicas> {
    const replicas = new Replicas(options)
    replicas.#servers = await Promise.all(Array.from({ length: options.count }, () => replicas.#startOne({})))
    return replicas
  }

  async #startOne(more: SimFlags): Promise<ChildServer> {
    const { flags, faults = [] } = this.#options
    const server = await startSim({ ...flags, ...more })
    for (const order of faults) await fetch(`${server.url}/lab/faults`, { method: 'POST', body: JSON.stringify(order) })
    return server
  }

  get urls(): string[] {
    return this.#servers.map((server) => `${server?.url}/v1`)
  }

  beginKilling(): void {
    const { killPeriodMs, count } = this.#options
    const ports = this.#servers.map((server) => new URL(server?.url ?? '').port)
    this.#timer = setInterval(() => {
      const at = this.killCount++ % count
      const victim = this.#servers[at]
      this.#servers[at] = null
      this.#work = this.#work.then(async () => {
        await victim?.kill('SIGKILL')
        this.#servers[at] = await this.#startAgain(Number(ports[at]))
      })
    }, killPeriodMs)
  }

  /** While nobody listens there, the system may give the port to somebody's outgoing connection, for a moment. */
  async #startAgain(port: number): Promise<ChildServer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#startOne({ port })
      } catch (error) {
        if (tries >= portTriesMax || !String(error).includes('EADDRINUSE')) throw error
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  async endKilling(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#work
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endKilling()
    await Promise.all(this.#servers.map(async (server) => server?.stop()))
  }
}
