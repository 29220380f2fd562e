/** Follows each answer from the first question to the end: its text, its ends, its calls, its cancels. */
import { expectedAnswer } from '../../lab/answer.ts'
import { readAside } from '../../src/dialect/seam/aside.ts'
import { probeRequestId } from '../../src/relay/token-probe.ts'
import { AnswerText } from '../world/answer-text.ts'
import type { Gateway } from '../world/gateway.ts'
import type { ModelServer, ServerCall } from '../world/model-server.ts'
import type { ClientWatch, ReaderClient } from '../world/reader-client.ts'
import type { Story } from '../world/story.ts'
import type { DiskFact, Row, WorldDisk } from '../world/world-disk.ts'
import type { WorldTime } from '../world/world-time.ts'
import { mayFailWith } from './causes.ts'
import type { Checks } from './checks.ts'
import type { Scenario } from './scenario.ts'
import { type FaultKind, hasKind } from './world-fault.ts'

/** From the asking until no model server works on a cancelled answer any more; the network's delay comes on top. */
const cancelMs = 1000
/** Attempts of one leg times the legs that one process may begin. */
const callsMaxPerEpoch = 45
/** Tokens that an answer joined by likeness alone may be longer than asked: it was asked to repeat some of them. */
const approximateTokensMax = 32

const gatewayTroubles: readonly FaultKind[] = [
  'gateway kill',
  'gateway stop',
  'gateway restart',
  'disk full',
  'client link cut',
]

export interface AnswerWorld {
  readonly scenario: Scenario
  readonly time: WorldTime
  readonly disk: WorldDisk
  readonly gateways: readonly Gateway[]
  readonly servers: readonly ModelServer[]
  readonly stories: readonly Story[]
  readonly readers: readonly ReaderClient[]
}

export class AnswerCheck implements ClientWatch {
  #checks: Checks
  #world: AnswerWorld
  #calls = new Map<string, ServerCall[]>()
  /** Bytes of each event as the first reader got them, by ray and number: all others must get the same. */
  #delivered = new Map<string, Buffer[]>()
  /** Answers of which a seam was joined by likeness alone, and is marked so. */
  #approximate = new Set<string>()

  constructor(checks: Checks, world: AnswerWorld) {
    this.#checks = checks
    this.#world = world
  }

  // While it runs.

  seeCall(call: ServerCall): void {
    if (call.ray === probeRequestId) return
    const calls = this.#calls.get(call.ray) ?? []
    this.#calls.set(call.ray, calls)
    calls.push(call)
    const server = this.#world.servers.find(({ name }) => name === call.server)
    // What was sent a moment before it left may still be on its way.
    if (server && server.membership === 'out' && call.atMs - server.outMs > 2 * this.#world.scenario.delay[1])
      this.#checks.report('calls', `${call.server} was asked for ${call.ray} after it had left`)
    for (const gateway of this.#world.gateways) {
      const life = gateway.life
      if (!life?.process.isAwake) continue
      const count = flightsOf(gateway, call.ray)
      if (count > (this.#world.scenario.hedgesAfterMs === undefined ? 1 : 2))
        this.#checks.report('calls', `${life.process.name} has ${count} calls for ${call.ray} under way at once`)
    }
    if (calls.filter(({ by }) => by === call.by).length > callsMaxPerEpoch)
      this.#checks.report('calls', `more than ${callsMaxPerEpoch} calls of one process for ${call.ray}`)
  }

  seeFact(fact: DiskFact): void {
    if (fact.what === 'cancelled') this.#watchCancel(fact.row)
    if (fact.what === 'kept' && readAside(fact.row.asides.get(fact.seq)).seam?.isApproximate)
      this.#approximate.add(fact.row.info.ray)
  }

  onEvent({ plan, ray }: ReaderClient, number: number | null, bytes: Buffer): void {
    if (number === null || ray === null) return
    const events = this.#delivered.get(ray) ?? []
    this.#delivered.set(ray, events)
    const earlier = (events[number] ??= Buffer.from(bytes))
    if (!earlier.equals(bytes))
      this.#checks.report('sequence', `${plan.name} got other bytes for event ${number} than the first that got it`)
  }

  onEnd(reader: ReaderClient): void {
    const { plan, said, next } = reader
    if (!said.isWhole)
      this.#checks.report(
        'ending',
        `${plan.name}: the answer ended as if whole, with ${said.finishCount} finish after ${next} events`,
      )
  }

  onMisfit(check: 'sequence' | 'lost' | 'refusal', words: string): void {
    this.#checks.report(check === 'refusal' ? 'cause' : check, words)
  }

  // In the end.

  checkEnds(): void {
    for (const reader of this.#world.readers) this.#checkReader(reader)
    for (const row of this.#world.disk.rows.values()) this.#checkRow(row)
    this.#checkTwins()
  }

  /** A call that is sent once more while its answer is under way is not asked of a model server once more. */
  #checkTwins(): void {
    const { disk, stories, scenario } = this.#world
    // With one of these the second gateway may not be able to know of the first answer.
    if (hasKind(scenario.faults, ...gatewayTroubles)) return
    for (const { plan, callKey } of stories) {
      const rows = [...disk.rows.values()].filter(({ info }) => info.callKey === callKey)
      const isTwice = rows.some((row, i) => rows.slice(0, i).some(({ sealedMs }) => sealedMs > row.beganMs))
      if (isTwice && plan.readers.length === 1)
        this.#checks.report('calls', `${plan.name} was begun anew while it was under way`)
    }
  }

  #checkReader({ plan, story, ray, ending, code, said, wasAccepted, next }: ReaderClient): void {
    const { name } = plan
    if (ending === null)
      return this.#checks.report(
        'liveness',
        `${name} still waits, after ${next} events${wasAccepted ? '' : ', for a head'}`,
      )
    if (ending === 'whole') return this.#checkWhole(name, story, said, ray)
    this.#checkPart(name, story, said)
    if (ending === 'left') return
    if (code === null) return this.#checks.report('ending', `${name} ${ending} without a word`)
    this.#checkCause(name, story, code)
  }

  #checkWhole(name: string, { expected, question, plan }: Story, said: AnswerText, ray: string | null): void {
    const longest = expectedAnswer(
      question,
      Math.min(plan.tokens, (plan.tokensMax ?? plan.tokens) + approximateTokensMax),
    )
    const isNear = this.#approximate.has(ray ?? '') && said.text.startsWith(expected) && longest.startsWith(said.text)
    if (said.text !== expected && !isNear) this.#checks.report('text', `${name}: ${difference(said.text, expected)}`)
    const { finishCount, doneCount, roleCount, lateCount, ids } = said
    if (finishCount !== 1 || doneCount !== 1 || roleCount > 1 || lateCount > 0 || ids.size > 1)
      this.#checks.report(
        'text',
        `${name}: ${finishCount} finishes, ${doneCount} end marks, ${roleCount} roles, ${lateCount} late, ids ${[...ids].join(' ')}`,
      )
  }

  #checkPart(name: string, { expected }: Story, said: AnswerText): void {
    if (!expected.startsWith(said.text)) this.#checks.report('text', `${name}: ${difference(said.text, expected)}`)
    if (said.error !== null && said.doneCount > 0)
      this.#checks.report('ending', `${name}: ${said.error}, and an end mark all the same`)
  }

  #checkRow(row: Row): void {
    const { info, outcome, events } = row
    const story = this.#storyOf(row)
    if (outcome === null)
      return this.#checks.report('liveness', `${info.ray} has not ended, ${row.owner ?? 'nobody'} has it`)
    const said = new AnswerText(story.plan.route)
    try {
      for (const { event } of events)
        if (info.isStream || event.toString('latin1', 0, 5) === 'data:' || event.toString('latin1', 0, 6) === 'event:')
          said.readEvent(event)
        else said.readWhole(event)
    } catch (thrown) {
      return this.#checks.report('text', `${info.ray} cannot be read: ${String(thrown)}`)
    }
    const name = `the journal of ${info.ray} (${story.plan.name})`
    if (outcome === 'complete') return this.#checkWhole(name, story, said, info.ray)
    this.#checkPart(name, story, said)
    if (said.error === null) this.#checks.report('ending', `${name}: ${outcome}, and no word of it`)
    else this.#checkCause(name, story, said.error)
  }

  #checkCause(name: string, story: Story, code: NonNullable<AnswerText['error']>): void {
    if (!mayFailWith(code, story.plan, this.#world.scenario))
      this.#checks.report('cause', `${name} failed with ${code}`)
  }

  #watchCancel({ info }: Row): void {
    const { time, gateways, scenario } = this.#world
    time.after(cancelMs, () => {
      for (const gateway of gateways) {
        const life = gateway.life
        if (!life?.process.isAwake || time.monotonicMs() - life.process.awakeMs < cancelMs) continue
        if (flightsOf(gateway, info.ray) > 0)
          this.#checks.report('cancel', `${life.process.name} still works on ${info.ray} (${scenario.seed})`)
      }
    })
  }

  #storyOf({ info }: Row): Story {
    const story = this.#world.stories.find(({ callKey }) => callKey === info.callKey)
    if (!story) throw new Error(`nobody asked for ${info.ray}`)
    return story
  }
}

function flightsOf({ life }: Gateway, ray: string): number {
  let count = 0
  for (const wire of life?.wires.values() ?? [])
    for (const { request, isOver } of wire.flights) if (!isOver && request.headers['x-request-id'] === ray) count++
  return count
}

function difference(text: string, expected: string): string {
  let at = 0
  while (at < text.length && text[at] === expected[at]) at++
  return `wrong from ${at} on: ${JSON.stringify(text.slice(at, at + 60))} instead of ${JSON.stringify(expected.slice(at, at + 60))}, ${text.length} of ${expected.length}`
}
