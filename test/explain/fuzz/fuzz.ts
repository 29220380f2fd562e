/**
 * Asks a gateway thousands of things while it and its model servers go wrong, and looks at every failure that a caller
 * was told of: whether it bears what it must, and whether `explain` has a cause for its ray.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Diagnosis } from '../../../src/diagnosis/diagnose.ts'
import { explainRay } from '../../../src/diagnosis/explain-ray.ts'
import { explanation } from '../../../src/diagnosis/explanation.ts'
import { type FaultCode, faultKind, faultKinds } from '../../../src/fault/code.ts'
import { type Random, seededRandom } from '../../../src/ground/random.ts'
import { recordFileName } from '../../../src/store/sqlite-record-file.ts'
import { RecordQuery } from '../../../src/store/sqlite-record-query.ts'
import { holdfast } from '../../crash/gateway.ts'
import { type Ask, drawAsk, type Memory, remembered } from './draw-ask.ts'
import { type Heard, hear, type HearOptions } from './hear.ts'
import { type Failure, judge } from './judge.ts'
import { keys, openWorld, type World } from './world.ts'

export interface FuzzOptions {
  readonly calls: number
  readonly seed: number
  readonly atOnce: number
  /** Restarts and kills of the gateway in the time of the run. */
  readonly upsets: number
  /** Failures that are asked of the command as well. */
  readonly byCommand: number
  readonly log?: (words: string) => void
}

export interface Told extends Failure {
  /** The cause that `explain` gives, or null while nobody has asked. */
  readonly cause: string
}

export interface FuzzResult {
  readonly asked: number
  readonly failures: readonly Told[]
  /** Streams that broke without a word, while nothing was done to the gateway. */
  readonly wordless: readonly string[]
  readonly unanswered: number
  /** Answers of the command that were no explanation. */
  readonly badCommands: readonly string[]
}

const patienceMs = 15_000
const settleMs = 2500
const triesMax = 80
/** A stream that breaks so soon behind something that was done to the gateway may have broken by it. */
const upsetMs = 8000

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { calls, seed, atOnce, upsets, byCommand, log = () => {} } = options
  await using world = await openWorld()
  const random = seededRandom(seed)
  const run = new Run(world, random)
  const upsetEvery = Math.ceil(calls / (upsets + 1))
  let [next, upset, begun] = [0, Promise.resolve(), 0]
  const work = async (): Promise<void> => {
    while (next < calls) {
      if (next > 0 && next % upsetEvery === 0 && begun < upsets) {
        const number = begun++
        upset = upset
          .then(() => world.upset(number))
          .then((words) => log(`${new Date().toISOString()} ${words} (${run.asked} asked)`))
      }
      next++
      await run.ask(drawAsk(random, run.memory))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  await upset
  await sleep(settleMs)
  const failures = explainAll(world.state, run.failures, log)
  const badCommands = await askCommand(world.state, failures.slice(-byCommand))
  return { asked: run.asked, failures, wordless: run.wordless, unanswered: run.unanswered, badCommands }
}

class Run {
  readonly memory: Memory = { rays: [], ids: [], streams: [] }
  readonly failures: Failure[] = []
  readonly wordless: string[] = []
  asked = 0
  unanswered = 0
  readonly #world: World
  readonly #random: Random

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  async ask(ask: Ask): Promise<void> {
    const { port, adminPort } = this.#world
    const onBytes = (text: string): boolean => {
      if (ask.isToCancel && /^(id: |data: )/m.test(text)) this.#cancel(/holdfast-ray: (\S+)/.exec(text)?.[1])
      return ask.leavesAt !== undefined && text.length >= ask.leavesAt
    }
    const heard = await this.#hear({
      port: ask.isAdmin ? adminPort : port,
      pieces: ask.pieces,
      patienceMs,
      ...((ask.isToCancel || ask.leavesAt !== undefined) && { onBytes }),
    })
    this.asked++
    this.#remember(heard)
    this.failures.push(...judge(ask.what, heard))
    if (heard.status === 0) this.unanswered++
    if (isBrokenStream(heard) && ask.leavesAt === undefined && !this.#isUpset())
      if (judge(ask.what, heard).length === 0)
        this.wordless.push(
          `${ask.what}: ${heard.headers['holdfast-ray']}, asked with ${ask.pieces.join('').slice(-300)}`,
        )
  }

  /** While the gateway is down, nothing is asked of it. */
  async #hear(options: HearOptions): Promise<Heard> {
    for (let tries = 1; ; tries++) {
      const heard = await hear(options)
      if (heard.status !== 0 || tries === triesMax || this.#world.upsetMs() !== Number.POSITIVE_INFINITY) return heard
      await sleep(250)
    }
  }

  #isUpset(): boolean {
    return performance.now() - this.#world.upsetMs() < upsetMs
  }

  #cancelled = new Set<string>()

  #cancel(ray: string | undefined): void {
    if (ray === undefined || this.#cancelled.has(ray)) return
    this.#cancelled.add(ray)
    const head = `POST /v1/answers/${ray}/cancel HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer ${keys.all}\r\n`
    void hear({ port: this.#world.port, pieces: [`${head}content-length: 0\r\n\r\n`], patienceMs })
  }

  #remember({ headers, body, status }: Heard): void {
    const { rays, ids } = this.memory
    const ray = headers['holdfast-ray']
    if (ray && (status === 200 || this.#random.unit() < 0.05)) rays.push(ray)
    const id = /"id":\s*"(resp[^"]{4,80}|chatcmpl[^"]{4,80})"/.exec(body)?.[1]
    if (id) ids.push(id)
    for (const list of [rays, ids]) if (list.length > 2 * remembered) list.splice(0, remembered)
  }
}

function isBrokenStream({ status, headers, isWhole, isGivenUp }: Heard): boolean {
  return status === 200 && !isWhole && !isGivenUp && (headers['content-type'] ?? '').startsWith('text/event-stream')
}

function explainAll(state: string, failures: readonly Failure[], log: (words: string) => void): Told[] {
  using reader = new RecordQuery(join(state, recordFileName))
  return failures.map((failure) => {
    const diagnosis = explainRay(reader, failure.ray)
    const lacks = [...failure.lacks, ...lacksOf(failure, diagnosis)]
    if (lacks.length > 0) log(`lacks ${lacks.join(', ')}:\n${explanation(diagnosis)}`)
    return { ...failure, cause: diagnosis.cause, lacks }
  })
}

const noCauses = new Set(['unrecorded', 'unknown', 'none'])

function lacksOf({ code, ray }: Failure, diagnosis: Diagnosis): string[] {
  const { cause, cure, whose, sentence, evidence } = diagnosis
  // What a process that is killed had noted in its last moments is lost; that is said.
  if (cause === 'unrecorded' && sentence.includes('before a death')) return []
  if (noCauses.has(cause)) return [`a cause: ${cause} (${ray})`]
  const lacks: string[] = []
  if (cure === '' || sentence === '') lacks.push('what to do')
  // More may have gone wrong than what the caller saw, or was told last.
  const isSeen = evidence.some((words) => words.includes(code))
  if (!isSeen) lacks.push(`the code that was told: explained is ${diagnosis.code} (${ray})`)
  const isClients = Object.hasOwn(faultKinds, code) && faultKind(code as FaultCode).source === 'client'
  if (isClients && code !== 'HF_POISON' && whose !== 'client') lacks.push(`whose fault: ${whose}, by ${cause}`)
  return lacks
}

async function askCommand(state: string, failures: readonly Told[]): Promise<string[]> {
  const bad: string[] = []
  for (const { ray, cause } of failures) {
    const { code, output } = await holdfast('explain', ray, '--state', state)
    if (code !== 0 || !output.includes(cause) || !output.includes(ray))
      bad.push(`${ray}: ${code} ${output.slice(0, 200)}`)
  }
  return bad
}
