/** The components in force: those of the configuration or, where it names none, one for each model that is called. */
import type { SumFact } from '../observe/fact.ts'
import type { Component } from './component.ts'
import { isHarmed, unknownModel } from './read-news.ts'
import type { StatusOptions } from './status-options.ts'

/** A model's name comes from the configuration or from a server: there are not many, but there is a limit. */
const learntMax = 100

export class Components {
  #named: readonly Component[] = []
  #learnt = new Map<string, Component>()

  constructor(options: StatusOptions['components']) {
    this.use(options)
  }

  use(options: StatusOptions['components']): void {
    const ids = new Set<string>()
    this.#named = options.map((each) => ({ id: idOf(each.name, ids), ...each }))
  }

  /**
   * Some calls that were settled. What never got as far as a model is of the component `Gateway`, and that is there
   * from the first time on that the gateway itself turns calls away: a path or a model that does not exist is nobody's.
   */
  hear(sum: Pick<SumFact, 'model' | 'outcome' | 'code' | 'route'>): void {
    if (sum.model !== unknownModel || isHarmed(sum)) this.learn(sum.model)
  }

  /** A model that was called. */
  learn(model: string): void {
    if (this.#learnt.has(model) || this.#learnt.size >= learntMax) return
    const ids = new Set([...this.#learnt.values()].map(({ id }) => id))
    const base = { models: [model], routes: [], tiers: [] }
    if (model === unknownModel) {
      const description = 'Takes calls in, before any model is asked.'
      this.#learnt.set(model, { id: idOf('gateway', ids), name: 'Gateway', description, ...base })
    } else this.#learnt.set(model, { id: idOf(model, ids), name: model, description: '', ...base })
  }

  get all(): readonly Component[] {
    if (this.#named.length > 0) return this.#named
    return [...this.#learnt.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  nameOf(id: string): string {
    return this.all.find((each) => each.id === id)?.name ?? id
  }
}

/** Of a-z, 0-9 and `-`; another one with the same gets a number. */
function idOf(name: string, taken: Set<string>): string {
  const words = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  const base = words === '' ? 'component' : words
  let id = base
  for (let i = 2; taken.has(id); i++) id = `${base}-${i}`
  taken.add(id)
  return id
}
