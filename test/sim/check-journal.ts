/** Follows what the disk takes with a model of its own: one holder of a lease at a time, one number after the other. */
import type { DiskFact } from '../world/world-disk.ts'
import type { Checks } from './checks.ts'

interface Believed {
  owner: string | null
  epoch: number
  count: number
  isSealed: boolean
}

export class JournalCheck {
  #checks: Checks
  #answers = new Map<string, Believed>()

  constructor(checks: Checks) {
    this.#checks = checks
  }

  see(fact: DiskFact): void {
    const { ray } = fact.row.info
    if (fact.what === 'begun') {
      if (this.#answers.has(ray)) this.#report(`${ray} begins twice`)
      this.#answers.set(ray, { owner: fact.by, epoch: 1, count: 0, isSealed: false })
      return
    }
    const answer = this.#answers.get(ray)
    if (!answer) return this.#report(`${fact.what}: ${ray} was never begun`)
    if (answer.isSealed && fact.what !== 'removed') this.#report(`${fact.what}: ${ray} has ended`)
    switch (fact.what) {
      case 'adopted':
        answer.owner = fact.by
        answer.epoch++
        return
      case 'kept':
        if (fact.by !== answer.owner || fact.epoch !== answer.epoch)
          this.#report(`${fact.by} writes ${ray} of epoch ${fact.epoch}, ${answer.owner} has it in ${answer.epoch}`)
        if (fact.seq !== answer.count) this.#report(`${ray}: ${fact.seq} is written, ${answer.count} was to come`)
        answer.count++
        return
      case 'sealed':
        if (fact.by !== answer.owner) this.#report(`${fact.by} seals ${ray}, ${answer.owner} has it`)
        answer.isSealed = true
        return
      case 'released':
        answer.owner = null
        return
      case 'removed':
        this.#answers.delete(ray)
        return
      case 'cancelled':
        return
    }
  }

  #report(words: string): void {
    this.#checks.report('journal', words)
  }
}
