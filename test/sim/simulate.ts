/**
 * One world from its beginning to its end: production gateways, simulated everything else. Faults strike for a while;
 * then everything is mended, and every answer has a bounded time to end.
 */
import { journalSchema } from '../../src/store/journal-options.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import { CallerLink } from '../world/caller-link.ts'
import { Chance } from '../world/chance.ts'
import { continuationOf, Gateway, type ReplyFacts, type Sabotage, timeoutsOf } from '../world/gateway.ts'
import { ModelServer } from '../world/model-server.ts'
import { Network } from '../world/network.ts'
import { ReaderClient } from '../world/reader-client.ts'
import { Story } from '../world/story.ts'
import { Trace } from '../world/trace.ts'
import { WorldDisk } from '../world/world-disk.ts'
import { WorldTime } from '../world/world-time.ts'
import { AnswerCheck } from './check-answers.ts'
import { DeliveryCheck } from './check-delivery.ts'
import { JournalCheck } from './check-journal.ts'
import { checkLeaks } from './check-leaks.ts'
import { Checks, type Violation } from './checks.ts'
import { Fate } from './fate.ts'
import { busyMs, type Scenario, traitsOf } from './scenario.ts'

/** From the last mending until everything must have ended. */
export const endsWithinMs = 90_000
/** Afterwards: for what is still to be put away. */
const quietMs = 12_000
/** Every gateway has started, and nobody has asked anything. */
const startedMs = 340
const timerLooks = 5
const timerLookMs = 11

/** How it went. */
export interface Result {
  readonly scenario: Scenario
  readonly violations: readonly Violation[]
  /** Equal for two runs that went the same way. */
  readonly hash: string
  readonly steps: number
  /** Of the simulated world. */
  readonly seconds: number
  /** How the readers ended, and by which code. */
  readonly endings: Readonly<Record<string, number>>
  /** Answers that went on behind a seam, and that another process took over. */
  readonly seams: number
  readonly adoptions: number
  /** Attempts beside a late one, and those that gave the answer. */
  readonly hedges: number
  readonly hedgesWon: number
  readonly trace: readonly string[]
}

export interface SimulateOptions {
  readonly sabotage?: Sabotage
  readonly onLine?: (line: string) => void
}

export async function simulate(scenario: Scenario, options: SimulateOptions = {}): Promise<Result> {
  return await new World(scenario, options).run()
}

export class World {
  readonly time = new WorldTime()
  readonly trace: Trace
  readonly checks: Checks
  readonly scenario: Scenario
  readonly disk: WorldDisk
  readonly network: Network
  readonly servers: readonly ModelServer[]
  readonly gateways: readonly Gateway[]
  readonly stories: readonly Story[]
  readonly readers: ReaderClient[] = []
  readonly facts: ExchangeFact[] = []
  readonly answers: AnswerCheck
  adoptionCount = 0
  #chance: Chance

  constructor(scenario: Scenario, { sabotage = {}, onLine }: SimulateOptions) {
    this.scenario = scenario
    this.#chance = new Chance(scenario.seed).fork('world')
    this.trace = new Trace(() => this.time.monotonicMs())
    this.trace.onLine = onLine ?? null
    this.checks = new Checks(
      () => this.time.monotonicMs(),
      (words) => this.trace.note('CHECK', words),
    )
    this.time.onThrow = (thrown) => this.#crash(thrown)
    this.network = new Network(this.time, this.#fork('network'), scenario.delay)
    const journal = { ...journalSchema.parse({}), leaseMs: scenario.leaseMs, requestBytesMax: scenario.requestBytesMax }
    this.disk = new WorldDisk(this.time, journal)
    this.disk.isFenced = sabotage.fence ?? true
    this.servers = scenario.servers.map(
      (plan, i) => new ModelServer(`u${i}`, traitsOf(plan), this.time, this.#fork(`u${i}`), this.trace),
    )
    this.stories = scenario.stories.map((plan) => new Story(plan))
    this.answers = new AnswerCheck(this.checks, this)
    this.#watchDisk()
    for (const server of this.servers) server.onCall = (call) => this.answers.seeCall(call)
    const delivery = new DeliveryCheck(this.checks, this.disk)
    const around = {
      network: this.network,
      disk: this.disk,
      servers: this.servers,
      trace: this.trace,
      onWrite: (reply: ReplyFacts, bytes: Buffer, wasFull: boolean) => delivery.see(reply, bytes, wasFull),
      onMisuse: (words: string) => this.checks.report('reply', words),
      onSettled: (fact: ExchangeFact) => this.#settled(fact),
    }
    const dice = this.#fork('disk')
    const { diskMs, bufferBytesMax } = scenario
    const gatewayOptions = {
      journal,
      timeouts: timeoutsOf({
        connectMs: 1000,
        firstTokenMs: 5000,
        firstTokenSwitchMs: 2000,
        interTokenMs: 3000,
        wholeMs: 20_000,
        totalMs: 60_000,
      }),
      continuation: continuationOf({}),
      pace: {
        clock: this.time,
        keepMs: diskMs === null ? null : () => dice.between(0, diskMs),
        tellMs: () => dice.between(0, (diskMs ?? 0) / 4),
        readMs: () => dice.between(0, diskMs ?? 1),
        lookMs: 200,
      },
      bufferBytesMax,
      stalledReaderMs: 20_000,
      detachedMs: 20_000,
      hedgesAfterMs: scenario.hedgesAfterMs ?? null,
      sabotage,
    }
    this.gateways = Array.from(
      { length: scenario.gateways },
      (_, i) => new Gateway(`g${i}`, gatewayOptions, around, this.#fork(`g${i}`)),
    )
  }

  async run(): Promise<Result> {
    const onRejection = (reason: unknown): void => this.#crash(reason)
    process.on('unhandledRejection', onRejection)
    try {
      for (const gateway of this.gateways) gateway.start()
      for (const story of this.stories) this.#tell(story)
      const fate = new Fate(this)
      const mendedMs = fate.prepare()
      const usualTimers = Math.max(...(await this.#countTimers(startedMs)).values())
      const endMs = Math.max(mendedMs, busyMs) + endsWithinMs
      await this.time.run(endMs, () => this.time.monotonicMs() > mendedMs && this.#isAllOver())
      this.answers.checkEnds()
      checkLeaks(this, usualTimers, await this.#countTimers(this.time.monotonicMs() + quietMs))
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    return this.#result()
  }

  /** From that moment on, for a little while. */
  async #countTimers(fromMs: number): Promise<ReadonlyMap<string, number>> {
    const least = new Map<string, number>()
    for (let look = 0; look < timerLooks; look++) {
      await this.time.run(fromMs + look * timerLookMs)
      for (const { life } of this.gateways) {
        if (!life) continue
        const { name, timerCount } = life.process
        least.set(name, Math.min(least.get(name) ?? timerCount, timerCount))
      }
    }
    return least
  }

  #isAllOver(): boolean {
    if (this.time.monotonicMs() < busyMs || this.readers.length < this.#readerCount()) return false
    if (this.readers.some(({ isOver }) => !isOver)) return false
    return [...this.disk.rows.values()].every(({ outcome }) => outcome !== null)
  }

  #readerCount(): number {
    return this.stories.reduce((sum, { plan }) => sum + plan.readers.length, 0)
  }

  #fork(name: string): Chance {
    return this.#chance.fork(name)
  }

  #watchDisk(): void {
    const check = new JournalCheck(this.checks)
    this.disk.onFact = (fact) => {
      check.see(fact)
      this.answers.seeFact(fact)
      if (fact.what === 'adopted') this.adoptionCount++
      const more = 'seq' in fact ? ` ${fact.seq}` : 'outcome' in fact ? ` ${fact.outcome}` : ''
      this.trace.note('disk', `${fact.row.info.ray} ${fact.what}${more} by ${fact.by}`)
    }
  }

  /** Lets the clients of a story loose. */
  #tell(story: Story): void {
    const { plan } = story
    for (const readerPlan of plan.readers) {
      const reader = new ReaderClient(readerPlan, story, {
        network: this.network,
        machines: this.gateways,
        chance: this.#fork(readerPlan.name),
        trace: this.trace,
        watch: this.answers,
      })
      this.readers.push(reader)
      this.time.after(plan.beginsMs + readerPlan.afterMs, () => reader.connect())
    }
    if (plan.cancelsAfterMs !== null) this.time.after(plan.beginsMs + plan.cancelsAfterMs, () => this.#cancel(story, 0))
  }

  /** From another device: it knows the ray, and tries until somebody takes it. */
  #cancel(story: Story, tries: number): void {
    const { ray, plan } = story
    const again = (): void => {
      if (tries < 40) this.time.after(300, () => this.#cancel(story, tries + 1))
    }
    if (ray === null) return again()
    const machine = this.#fork(`cancel ${plan.name} ${tries}`).pick(this.gateways)
    const ask = { kind: 'cancel', caller: plan.caller, id: ray } as const
    const link: CallerLink = new CallerLink(this.network, `${plan.name}!`, machine, ask, (answer) => {
      link.close()
      this.trace.note(plan.name, `cancel: ${answer.kind}`)
      if (answer.kind === 'cancelled' && answer.isDone) story.cancelledMs = this.time.monotonicMs()
      else if (answer.kind === 'reset' || answer.kind === 'refused') again()
    })
  }

  #settled(fact: ExchangeFact): void {
    this.facts.push(fact)
    this.trace.note(
      'settled',
      `${fact.ray} ${fact.outcome} ${fact.code ?? ''} ${fact.attempts.map(({ upstream, code, isHedge = false }) => `${upstream}:${code ?? 'ok'}${isHedge ? '!' : ''}`).join(' ')}`,
    )
    if (fact.code === 'HF_INTERNAL') this.checks.report('crash', `${fact.ray} ended with HF_INTERNAL: ${fact.detail}`)
  }

  #crash(thrown: unknown): void {
    this.checks.report('crash', thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
  }

  #result(): Result {
    const endings: Record<string, number> = {}
    for (const { ending, code } of this.readers) {
      const name = ending === 'failed' || ending === 'refused' ? `${ending} ${code ?? ''}` : (ending ?? 'open')
      endings[name] = (endings[name] ?? 0) + 1
    }
    const hedges = this.facts.flatMap(({ attempts }) => attempts.filter(({ isHedge }) => isHedge))
    return {
      scenario: this.scenario,
      violations: this.checks.violations,
      hash: this.trace.hash,
      steps: this.time.stepCount,
      seconds: this.time.monotonicMs() / 1000,
      endings,
      seams: this.facts.reduce((sum, { seams }) => sum + seams.length, 0),
      adoptions: this.adoptionCount,
      hedges: hedges.length,
      hedgesWon: hedges.filter(({ code }) => code === null).length,
      trace: this.trace.lines,
    }
  }
}
