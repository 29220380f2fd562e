/**
 * A client that reads one answer to its end, as a well-made client does: it counts the events, comes back with the last
 * number when its connection breaks, and asks again when it has seen nothing.
 */
import type { FaultCode } from '../../src/fault/code.ts'
import { AnswerText, EventCutter } from './answer-text.ts'
import { type Answer, CallerLink, type Machine } from './caller-link.ts'
import type { Chance } from './chance.ts'
import type { Network } from './network.ts'
import type { ReaderPlan, Story } from './story.ts'
import type { Trace } from './trace.ts'

/** `whole`, `failed` with an error in the answer, `refused` with one instead of it, or left for good. */
export type Ending = 'whole' | 'failed' | 'refused' | 'left'

/** What the checkers hear of a client. */
export interface ClientWatch {
  /** An event of an answer; `number` is what the client holds it for. */
  onEvent(reader: ReaderClient, number: number | null, bytes: Buffer): void
  /** The connection ended as if the answer were whole. */
  onEnd(reader: ReaderClient): void
  onMisfit(checker: 'sequence' | 'lost' | 'refusal', words: string): void
}

const againMs: readonly [number, number] = [100, 1200]
/** An error that is not the answer's own last word is a reason to come back; so often. */
const returnsMax = 60

/** Errors that say something of the gateway, not of the answer: the answer goes on elsewhere. */
const passing: ReadonlySet<FaultCode> = new Set(['HF_CLOSING', 'HF_LEASE_LOST', 'HF_JOURNAL_FULL'])

export class ReaderClient {
  readonly plan: ReaderPlan
  readonly story: Story
  readonly said: AnswerText
  /** The answer that it reads; null while it knows of none. */
  ray: string | null = null
  /** Number of the next event. */
  next = 0
  ending: Ending | null = null
  code: FaultCode | null = null
  /** A head of a good answer has come. */
  wasAccepted = false
  /** Reads nothing now. */
  isResting = false
  #parts: { network: Network; machines: readonly Machine[]; chance: Chance; trace: Trace; watch: ClientWatch }
  #isFirst: boolean
  #link: CallerLink | null = null
  #cutter = new EventCutter()
  #body: Buffer[] = []
  #isStream = true
  #unread: Buffer[] = []
  #returnCount = 0
  #postCount = 0
  #dropsLeft: ReaderPlan['drops']
  #restLeft: ReaderPlan['rest']
  #hasReposted = false
  /** An error event without a number has come on this connection. */
  #passingError: FaultCode | null = null

  constructor(
    plan: ReaderPlan,
    story: Story,
    parts: { network: Network; machines: readonly Machine[]; chance: Chance; trace: Trace; watch: ClientWatch },
  ) {
    this.plan = plan
    this.story = story
    this.said = new AnswerText(story.plan.route)
    this.#parts = parts
    this.#isFirst = story.plan.readers[0] === plan
    this.#dropsLeft = plan.drops
    this.#restLeft = plan.rest
  }

  get isOver(): boolean {
    return this.ending !== null
  }

  connect(): void {
    if (this.ending) return
    const { network, machines, chance } = this.#parts
    const machine = chance.pick(machines)
    this.#cutter = new EventCutter()
    this.#body = []
    this.#unread = []
    this.#passingError = null
    const { plan, body } = this.story
    // Who joins later is told what to read; who asked knows.
    if (!this.#isFirst) this.ray ??= this.story.ray
    const { ray } = this
    const { caller, route, isStored, idempotencyKey, onDisconnect } = plan
    const mustPost = this.#isFirst && (ray === null || !plan.isStream)
    if (!mustPost && ray === null) return this.#comeBack('nothing to read yet')
    if (mustPost) this.story.postCount++
    const ask = mustPost
      ? ({
          kind: 'post',
          caller,
          route,
          body,
          isRepeated: this.#postCount++ > 0,
          idempotencyKey,
          isStored,
          onDisconnect,
        } as const)
      : ({ kind: 'resume', caller, id: ray ?? '', after: this.next === 0 ? null : this.next - 1 } as const)
    const words = ask.kind === 'post' ? `posts ${this.#postCount}` : `resumes after ${this.next - 1}`
    this.#note(`${words} at ${machine.name}`)
    const link: CallerLink = new CallerLink(network, this.plan.name, machine, ask, (answer) => {
      if (this.#link === link) this.#hear(answer)
    })
    this.#link = link
  }

  #hear(answer: Answer): void {
    switch (answer.kind) {
      case 'head':
        return this.#head(answer)
      case 'bytes':
        if (this.isResting) this.#unread.push(answer.bytes)
        else this.#take(answer.bytes)
        return
      case 'refusal':
        return this.#refused(answer)
      case 'end':
        return this.#settleRest(() => this.#end())
      case 'reset':
        return this.#settleRest(() => this.#broken())
      case 'refused':
        return this.#comeBack('nobody listens')
      case 'cancelled':
        return
    }
  }

  /** What arrived while the client did not read is still read before the end is seen. */
  #settleRest(then: () => void): void {
    const link = this.#link
    for (const bytes of this.#unread.splice(0)) if (this.#link === link) this.#take(bytes)
    this.isResting = false
    if (this.#link === link && !this.ending) then()
  }

  #head({ ray, lengthBytes }: Answer & { kind: 'head' }): void {
    this.wasAccepted = true
    this.#isStream = lengthBytes === null
    if (!this.#isStream) return
    this.ray = ray
    if (this.#isFirst) this.story.named(ray)
  }

  #take(bytes: Buffer): void {
    const link = this.#link
    link?.taken(bytes.length)
    if (!this.#isStream) return void this.#body.push(bytes)
    for (const { number, bytes: event } of this.#cutter.push(bytes)) {
      if (this.#link !== link || this.ending) return
      this.#event(number, event)
    }
  }

  #event(number: number | null, event: Buffer): void {
    const { watch } = this.#parts
    watch.onEvent(this, number, event)
    if (number === null) {
      const aside = new AnswerText(this.story.plan.route)
      aside.readEvent(event)
      this.#passingError = aside.error
      if (aside.error === null) watch.onMisfit('sequence', `${this.plan.name}: an event without a number`)
      return
    }
    if (number !== this.next)
      watch.onMisfit('sequence', `${this.plan.name}: event ${number} came, ${this.next} was to come`)
    this.next = number + 1
    this.said.readEvent(event)
    if (this.said.error) this.code = this.said.error
    this.#act()
  }

  /** What the plan has for this place. */
  #act(): void {
    const { time } = this.#parts.network
    const { leavesAt, repostsAt } = this.plan
    const [drop] = this.#dropsLeft
    if (leavesAt !== null && this.next >= leavesAt) {
      this.#close()
      this.#finish('left')
    } else if (repostsAt !== null && this.next >= repostsAt && !this.#hasReposted && this.#isFirst) {
      // An SDK that lost its connection knows no ray: it sends the call once more and begins to read anew.
      this.#hasReposted = true
      this.#close()
      this.ray = null
      this.next = 0
      this.#startAnew()
      this.#comeBack('sends the call once more')
    } else if (drop && this.next >= drop.atCount) {
      this.#dropsLeft = this.#dropsLeft.slice(1)
      this.#close()
      this.#note(`drops its connection at ${this.next}`)
      time.after(drop.awayMs, () => this.connect())
    } else if (this.#restLeft && this.next >= this.#restLeft.atCount) {
      const { ms } = this.#restLeft
      this.#restLeft = null
      this.isResting = true
      const link = this.#link
      time.after(ms, () => {
        if (!this.isResting) return
        this.isResting = false
        for (const bytes of this.#unread.splice(0)) if (this.#link === link) this.#take(bytes)
      })
    }
  }

  #startAnew(): void {
    Object.assign(this.said, new AnswerText(this.story.plan.route))
    this.code = null
  }

  #end(): void {
    const { watch } = this.#parts
    this.#link = null
    if (!this.#isStream) {
      this.said.readWhole(Buffer.concat(this.#body))
      watch.onEnd(this)
      return this.#finish('whole')
    }
    // "Nothing more to say" to a client that has it all.
    if (this.said.error) return this.#finish('failed')
    watch.onEnd(this)
    this.#finish('whole')
  }

  #broken(): void {
    this.#link = null
    if (this.said.error) return this.#finish('failed')
    if (this.#passingError) {
      this.code = this.#passingError
      if (!passing.has(this.#passingError)) return this.#finish('failed')
    }
    if (!this.wasAccepted && !this.#isFirst) return this.#comeBack('broken off before the head')
    this.#comeBack('broken off')
  }

  #refused({ code, status, shouldRetry }: Answer & { kind: 'refusal' }): void {
    this.#link = null
    this.#note(`is refused: ${code}`)
    if (status === 404 && this.next > 0)
      this.#parts.watch.onMisfit('lost', `${this.plan.name}: ${code} for an answer it has ${this.next} events of`)
    if (code === 'HF_CURSOR_INVALID')
      this.#parts.watch.onMisfit('lost', `${this.plan.name}: ${code} for ${this.next - 1}, which it has received`)
    this.code = code
    if (status === 404 && this.#isFirst && this.next === 0) {
      // It was never begun as far as anybody knows: ask anew.
      this.ray = null
      return this.#comeBack('asks anew')
    }
    if (status === 404 && this.next === 0) return this.#comeBack('not there yet')
    if (shouldRetry) this.#comeBack(code)
    else this.#finish('refused')
  }

  #comeBack(why: string): void {
    this.#link = null
    if (++this.#returnCount > returnsMax) return this.#finish(this.next > 0 ? 'failed' : 'refused')
    this.#note(`comes back: ${why}`)
    this.#parts.network.time.after(this.#parts.chance.between(...againMs), () => this.connect())
  }

  #close(): void {
    this.#link?.close()
    this.#link = null
    this.#unread = []
    this.isResting = false
  }

  #finish(ending: Ending): void {
    this.ending = ending
    this.#note(`is done: ${ending} ${this.code ?? ''} after ${this.next} events`)
  }

  #note(words: string): void {
    this.#parts.trace.note(this.plan.name, words)
  }
}
