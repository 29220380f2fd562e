/** How all workers together do by the objectives: windows, budgets, and the alerts that follow from them. */
import type { Condition } from '../alert/condition.ts'
import { type Budget, budgetCondition, budgetOf } from './budget.ts'
import { burnCondition } from './burn-rate.ts'
import type { Objective } from './objective-options.ts'
import type { SliName } from './sli-name.ts'
import { RunningSums } from './running-sums.ts'
import type { Signs } from './signs.ts'
import { TallyWindow, type WindowState } from './tally-window.ts'

export type ScoreState = Readonly<Record<string, WindowState>>

/** One objective, as operators see it. */
export interface Score extends Budget {
  readonly name: string
  readonly sli: SliName
  readonly target: number
  readonly windowDays: number
  readonly alert: Objective['alert']
  /** Since the start of this gateway. */
  readonly total: { readonly good: number; readonly bad: number }
}

interface Row {
  objective: Objective
  readonly window: TallyWindow
  readonly total: { good: number; bad: number }
}

export class Scoreboard {
  #rows = new Map<string, Row>()
  #sums = new RunningSums()

  constructor(objectives: readonly Objective[], state: ScoreState = {}) {
    this.use(objectives, state)
  }

  /** Other objectives from now on; those that keep their name keep what was counted. */
  use(objectives: readonly Objective[], state: ScoreState = {}): void {
    const before = this.#rows
    this.#rows = new Map(
      objectives.map((objective) => {
        const { name, windowDays } = objective
        const { window, total = { good: 0, bad: 0 } } = before.get(name) ?? {}
        return [name, { objective, window: new TallyWindow(windowDays, window?.state ?? state[name]), total }]
      }),
    )
  }

  hear(worker: string, { objectives }: Signs, nowMs: number): void {
    for (const [name, [goodSum, badSum]] of Object.entries(objectives)) {
      const row = this.#rows.get(name)
      const good = this.#sums.since(worker, `${name} good`, goodSum)
      const bad = this.#sums.since(worker, `${name} bad`, badSum)
      if (!row) continue
      row.window.add(nowMs, good, bad)
      row.total.good += good
      row.total.bad += bad
    }
  }

  forget(worker: string): void {
    this.#sums.forget(worker)
  }

  conditions(nowMs: number): Condition[] {
    return [...this.#rows.values()].flatMap(({ objective, window }) => {
      const sumOf = (windowMs: number) => window.sum(nowMs, windowMs)
      // While it burns, that says more than what is left.
      const condition = burnCondition(objective, sumOf) ?? budgetCondition(objective, sumOf, window.ageMs(nowMs))
      return condition ? [condition] : []
    })
  }

  scores(nowMs: number): Score[] {
    return [...this.#rows.values()].map(({ objective, window, total }) => {
      const { name, sli, target, windowDays, alert } = objective
      const budget = budgetOf(objective, (windowMs) => window.sum(nowMs, windowMs), window.ageMs(nowMs))
      return { name, sli, target, windowDays, alert, ...budget, total: { ...total } }
    })
  }

  get state(): ScoreState {
    return Object.fromEntries([...this.#rows].map(([name, { window }]) => [name, window.state]))
  }
}
