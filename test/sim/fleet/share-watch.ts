/** Looks once a minute whether calls go where the plan says: none to a release without a share, to others theirs. */
import type { Plan, ReleasePlan } from '../../../src/control/plan.ts'
import type { Copy } from './copy.ts'
import type { FleetChecks } from './fleet-checks.ts'

/** Until what has no share any more gets no calls: robots act so often and no more. */
const idleMinutesMax = 4
/** Beside the plan, for two minutes in a row. */
const offMax = 0.1
const offMinutesMax = 2

export class ShareWatch {
  #checks: FleetChecks
  /** Minutes in a row, of each replica by deployment. */
  #idle = new Map<string, Map<string, number>>()
  #off = new Map<string, number>()

  constructor(checks: FleetChecks) {
    this.#checks = checks
  }

  /** @param isExcused with which nothing can be done now */
  check(
    plan: Plan,
    copiesOf: (deployment: string) => readonly Copy[],
    isExcused: (deployment: string) => boolean,
  ): void {
    for (const [name, { releases }] of plan) {
      if (releases.length < 2 || isExcused(name)) {
        this.#idle.delete(name)
        this.#off.delete(name)
        continue
      }
      const serving = copiesOf(name).filter((copy) => copy.isMember && !copy.isDraining && copy.isAlive)
      this.#checkIdle(name, releases, serving)
      this.#checkShares(name, releases, serving)
    }
  }

  #checkIdle(name: string, releases: readonly ReleasePlan[], serving: readonly Copy[]): void {
    const idle = new Set(releases.filter(({ share }) => share <= 0).map(({ release }) => release))
    const wished = releases.reduce((sum, { replicas, share }) => sum + (share > 0 ? replicas : 0), 0)
    const left = serving.filter((copy) => idle.has(releaseOf(copy)))
    const before = this.#idle.get(name)
    const now = new Map<string, number>()
    // Those that serve in place of others that are not there yet are still needed.
    if (serving.length - left.length >= wished)
      for (const { name: replica } of left) now.set(replica, (before?.get(replica) ?? 0) + 1)
    this.#idle.set(name, now)
    for (const [replica, minutes] of now)
      if (minutes === idleMinutesMax)
        this.#checks.report('shares', `${replica} gets calls for ${minutes} min, and its release has no share`)
  }

  #checkShares(name: string, releases: readonly ReleasePlan[], serving: readonly Copy[]): void {
    const all = serving.reduce((sum, { weight }) => sum + weight, 0)
    const off = releases.filter(({ release, share }) => {
      const own = serving.filter((copy) => releaseOf(copy) === release)
      // Where one has nobody ready, the others bear its part.
      if (share <= 0 || own.length === 0) return false
      return own.reduce((sum, { weight }) => sum + weight, 0) / all > share + offMax
    })
    const areAllThere = releases.every(
      ({ release, share }) => share <= 0 || serving.some((copy) => releaseOf(copy) === release),
    )
    const minutes = areAllThere && off.length > 0 ? (this.#off.get(name) ?? 0) + 1 : 0
    this.#off.set(name, minutes)
    if (minutes === offMinutesMax) {
      const words = off.map(({ release, share }) => `${release} has more than its ${share}`).join(', ')
      this.#checks.report('shares', `${name}: of the calls ${words}`)
    }
  }
}

const releaseOf = ({ birth }: Copy): string => birth.order.release
