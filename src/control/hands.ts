/** Does what was decided to replicas, through their drivers, and tells of it. One thing at a time to each. */
import type { Driver, SeenReplica } from '../fleet/driver.ts'
import type { Clock } from '../ground/clock.ts'
import type { Note, ReplicaFact } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import type { Deployments } from './deployment-options.ts'
import { type KnownReplica, lastWordsMax } from './known-replica.ts'
import type { Action } from './reconcile.ts'

/** Of one whose deployment is no more nobody knows how long it may take. */
const graceMsUnknown = 10_000
/** Of what one that never became ready wrote. */
const linesMax = 20

export interface HandsParts {
  readonly clock: Clock
  readonly log: Log
  readonly drivers: readonly Driver[]
  readonly note: (note: Note) => void
}

type Named = Pick<SeenReplica, 'name' | 'deployment' | 'release'>

export class Hands {
  deployments: Deployments
  #parts: HandsParts
  /** Names of which another one is being ended. */
  #clearing = new Set<string>()

  constructor(parts: HandsParts, deployments: Deployments) {
    this.#parts = parts
    this.deployments = deployments
  }

  /** @param seen null for one that is to be started */
  act(action: Action, known: KnownReplica, seen: SeenReplica | null): void {
    const { clock, log } = this.#parts
    const { name } = action
    if (action.kind === 'weigh') return known.stand(action)
    if (action.kind === 'start') return this.#start(action, known)
    if (!seen) return
    if (action.kind === 'admit') {
      known.membership = 'in'
      known.stand(action)
      log.info({ replica: name }, 'replica gets calls')
      return this.note(seen, 'admitted', '')
    }
    if (action.kind === 'drain') {
      known.membership = 'draining'
      known.drainedAtMs = clock.monotonicMs()
      log.info({ replica: name, why: action.why }, 'replica gets no new calls')
      return this.note(seen, 'drained', action.why)
    }
    known.membership = 'out'
    known.isReady = false
    this.#run(known, async () => {
      await this.end(seen, known, action.why)
      log.info({ replica: name, why: action.why }, 'replica stopped')
    })
  }

  /** Resolves when it is gone. */
  async end(seen: SeenReplica, { driver }: KnownReplica, why: string): Promise<void> {
    await driver?.stop(seen.name, this.#graceMs(seen.deployment))
    this.note(seen, 'stopped', why)
  }

  /** It runs, or lies dead, at a driver where nobody wants it: another has its name. False where that is being done. */
  clear(seen: SeenReplica, driver: Driver): boolean {
    if (this.#clearing.has(seen.name)) return false
    this.#clearing.add(seen.name)
    const { name, phase } = seen
    const { log } = this.#parts
    driver
      .stop(name, this.#graceMs(seen.deployment))
      .then(() => {
        log.warn({ replica: name, driver: driver.kind }, 'another of its name is ended')
        if (phase !== 'gone') this.note(seen, 'stopped', `another of its name runs by ${driver.kind}`)
      })
      .catch((error: unknown) => log.error({ replica: name, detail: String(error) }, 'another of its name goes on'))
      .finally(() => this.#clearing.delete(name))
    return true
  }

  /** It was not ready in time. */
  giveUp(seen: SeenReplica, known: KnownReplica, withinMs: number): void {
    const why = `not ready within ${withinMs} ms`
    known.membership = 'out'
    known.toldStartedMs = seen.startedMs
    this.#run(known, async () => {
      const { driver } = known
      const said = (await driver?.logs(seen.name, linesMax).catch(() => '')) ?? ''
      await driver?.stop(seen.name, this.#graceMs(seen.deployment))
      const lastWords = `${why}\n${said}`.slice(0, lastWordsMax)
      known.resting = seen
      const waitMs = known.die(why, lastWords, this.#parts.clock.monotonicMs())
      this.#parts.log.error({ replica: seen.name, waitMs, lastWords: said.slice(-400) }, `replica was ${why}`)
      this.note(seen, 'failed', why)
    })
  }

  note(
    { name, deployment, release }: Named,
    state: ReplicaFact['state'],
    detail: string,
    exit: ReplicaFact['exit'] = null,
  ): void {
    this.#parts.note({ kind: 'replica', upstream: name, deployment, release, state, exit, detail })
  }

  driverOf(deployment: string): Driver | undefined {
    const kind = this.deployments[deployment]?.driver ?? 'process'
    return this.#parts.drivers.find((driver) => driver.kind === kind)
  }

  #start({ name, deployment, release }: Action & { kind: 'start' }, known: KnownReplica): void {
    const spec = this.deployments[deployment]?.releases[release]
    const driver = this.driverOf(deployment)
    if (!spec || !driver) return
    const order = { name, deployment, release, spec }
    this.#run(known, async () => {
      try {
        await driver.start(order)
        known.orderedAtMs = this.#parts.clock.monotonicMs()
        this.#parts.log.info({ replica: name }, 'replica started')
        this.note(order, 'started', '')
      } catch (error) {
        const { message } = error as Error
        known.resting = order
        const waitMs = known.die('not started', message, this.#parts.clock.monotonicMs())
        this.#parts.log.error({ replica: name, waitMs, detail: message }, 'replica cannot be started')
        this.note(order, 'failed', message)
      }
    })
  }

  /** Nothing else is begun with it until that is over. */
  #run(known: KnownReplica, run: () => Promise<void>): void {
    known.isBusy = true
    run()
      .catch((error: unknown) =>
        this.#parts.log.error({ replica: known.name, detail: String(error) }, 'the driver of a replica failed'),
      )
      .finally(() => (known.isBusy = false))
  }

  #graceMs(deployment: string): number {
    return this.deployments[deployment]?.drain.graceMs ?? graceMsUnknown
  }
}
