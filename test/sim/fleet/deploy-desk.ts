/** Where operators deploy releases: they ask the control process, and ask again when it is dead. */
import { RolloutError } from '../../../src/control/deploy/rollout-book.ts'
import type { RolloutCommand } from '../../../src/control/deploy/rollout.ts'
import type { Pilot } from '../../../src/control/pilot.ts'
import type { FleetWorld } from './fleet-world.ts'
import type { Deploy } from './release-kinds.ts'

const again = { times: 15, afterMs: 20_000 } as const

export class DeployDesk {
  /** Shares of the new release that may not rise: somebody has paused it. */
  readonly paused = new Map<string, number>()
  #world: FleetWorld
  #count = 0

  constructor(world: FleetWorld) {
    this.#world = world
  }

  begin(deployment: string, { release, strategy }: Deploy): void {
    const id = `deploy-${++this.#count}`
    this.#ask(`deploy ${release} to ${deployment}`, ({ rollouts }) => {
      rollouts.begin({ deployment, release, strategy, by: 'somebody' }, id, this.#world.wallMs)
      this.paused.delete(deployment)
      this.#world.wishWatch.counts.deploys++
    })
  }

  pause(deployment: string, forMs: number): void {
    this.#command(deployment, 'pause', (share) => {
      this.paused.set(deployment, share)
      this.#world.time.after(forMs, () => this.resume(deployment))
    })
  }

  resume(deployment: string): void {
    this.#command(deployment, 'resume', () => this.paused.delete(deployment))
  }

  rollBack(deployment: string): void {
    this.#command(deployment, 'rollback', () => this.paused.delete(deployment))
  }

  /** In the evening: what goes on is taken back. */
  close(): void {
    this.paused.clear()
    for (const { name } of this.#world.scenario.deployments)
      this.#ask(`evening of ${name}`, (pilot) => {
        const live = pilot.rollouts.rows().find(({ deployment }) => deployment === name)
        if (live && live.phase !== 'warm' && live.phase !== 'rolling-back')
          pilot.rollouts.command(name, 'rollback', 'the evening', this.#world.wallMs)
      })
  }

  #command(deployment: string, asked: RolloutCommand, then: (share: number) => void): void {
    this.#ask(`${asked} ${deployment}`, ({ rollouts }) => {
      const share = rollouts.rows().find((each) => each.deployment === deployment)?.share ?? 0
      if (this.#world.sabotage.isCommanded !== false)
        rollouts.command(deployment, asked, 'somebody', this.#world.wallMs)
      then(share)
    })
  }

  #ask(what: string, ask: (pilot: Pilot) => void, left: number = again.times): void {
    const { host, time, trace } = this.#world
    if (host.pilot === null) {
      if (left > 0) time.after(again.afterMs, () => this.#ask(what, ask, left - 1))
      return
    }
    try {
      ask(host.pilot)
      trace.note('desk', what)
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error
      trace.note('desk', `${what}: ${error.message}`)
    }
  }
}
