/** How often a robot may act: so many remedies within a window, for each deployment and for all together. */

export interface RobotRules {
  readonly windowMs: number
  readonly perDeploymentMax: number
  readonly allMax: number
}

interface Act {
  readonly atMs: number
  readonly deployment: string
}

export class RobotLimit {
  #acts: Act[] = []

  /** Takes one, if it may be. */
  take(deployment: string, nowMs: number, { windowMs, perDeploymentMax, allMax }: RobotRules): boolean {
    // A clock that was set back must not stop it for longer than a window.
    this.#acts = this.#acts.filter(({ atMs }) => Math.abs(nowMs - atMs) < windowMs)
    const own = this.#acts.filter((act) => act.deployment === deployment)
    if (own.length >= perDeploymentMax || this.#acts.length >= allMax) return false
    this.#acts.push({ atMs: nowMs, deployment })
    return true
  }
}
