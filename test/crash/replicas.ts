/** Model servers on fixed ports of which the next in turn is killed every period, and started again. */
import type { ChildServer } from '../../lab/child.ts'
import { startSim } from '../../lab/start-sim.ts'

export interface ReplicaOptions {
  readonly count: number
  /** Tokens a second of one sequence. */
  readonly rate: number
  readonly slots: number
  readonly killPeriodMs: number
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
    const { count, rate, slots } = options
    replicas.#servers = await Promise.all(Array.from({ length: count }, () => startSim({ rate, slots })))
    return replicas
  }

  get urls(): string[] {
    return this.#servers.map((server) => `${server?.url}/v1`)
  }

  beginKilling(): void {
    const { killPeriodMs, rate, slots, count } = this.#options
    const ports = this.#servers.map((server) => new URL(server?.url ?? '').port)
    this.#timer = setInterval(() => {
      const at = this.killCount++ % count
      const victim = this.#servers[at]
      this.#servers[at] = null
      this.#work = this.#work.then(async () => {
        await victim?.kill('SIGKILL')
        this.#servers[at] = await startSim({ rate, slots, port: Number(ports[at]) })
      })
    }, killPeriodMs)
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
