/**
 * Plays changed inputs to one reader: it must answer or refuse each, in time that grows with the input's length only,
 * and keep nothing. Inputs with new outcomes are kept and changed further.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRandom } from '../../src/ground/random.ts'
import { Mutator } from './mutate.ts'
import { refusalOf, type Target } from './target.ts'

const bytesMaxDefault = 32 * 1024
const corpusMax = 400
const findingsMax = 10
/** Of an input, measured again: what one took by accident is not counted. */
const slowMs = 100
/** Eight times the length may cost so much more, and a little that is nobody's fault. */
const growthMax = 40
const growthFreeMs = 40
/** Bytes that may be kept after all inputs: compiled code, tables, what is remembered on purpose. */
const heapGrowthMax = 24 * 2 ** 20

export interface FuzzOrder {
  readonly seed: number
  /** Whichever comes first. */
  readonly inputsMax: number
  readonly msMax: number
  /** Told of each input before it is read: who hangs cannot tell. */
  readonly onInput?: (bytes: Buffer) => void
  /** Also measure how time grows with length; takes a second or two. */
  readonly measures: boolean
}

export interface FuzzResult {
  readonly name: string
  readonly inputs: number
  readonly outcomes: number
  readonly slowestMs: number
  /** How much longer eight times the length took, of the worst input. */
  readonly growth: number
  readonly heapMib: number
  readonly findings: readonly string[]
}

export async function fuzzTarget(target: Target, order: FuzzOrder): Promise<FuzzResult> {
  const run = new Run(target, order)
  await run.play()
  return await run.result()
}

class Run {
  #target: Target
  #order: FuzzOrder
  #mutator: Mutator
  #corpus: Buffer[]
  #outcomes = new Set<string>()
  #findings: string[] = []
  #seen = new Set<string>()
  #slowest: { ms: number; bytes: Buffer }[] = []
  #inputs = 0
  #heapBefore = 0

  constructor(target: Target, order: FuzzOrder) {
    this.#target = target
    this.#order = order
    const { bytesMax = bytesMaxDefault, words = [] } = target
    this.#corpus = target.seeds.map((seed) => Buffer.from(seed as Buffer))
    const options = { random: seededRandom(order.seed), words: words.map((word) => Buffer.from(word)), bytesMax }
    this.#mutator = new Mutator(options)
  }

  async play(): Promise<void> {
    const endMs = performance.now() + this.#order.msMax
    for (const seed of [...this.#corpus, Buffer.alloc(0)]) await this.#take(seed)
    this.#heapBefore = this.#order.measures ? heapBytes() : 0
    while (this.#inputs < this.#order.inputsMax && performance.now() < endMs) {
      const bytes = this.#mutator.mutate(this.#any(), this.#any())
      await this.#take(bytes)
      if (this.#inputs % 256 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async result(): Promise<FuzzResult> {
    const heap = this.#order.measures ? Math.max(0, heapBytes() - this.#heapBefore) : 0
    if (heap > heapGrowthMax) this.#find(`${(heap / 2 ** 20).toFixed(0)} MiB are kept after ${this.#inputs} inputs`)
    const growth = this.#order.measures ? await this.#growth() : 0
    let slowestMs = 0
    for (const { ms, bytes } of this.#slowest) {
      const againMs = ms < 1 ? ms : await this.#costMs(bytes)
      slowestMs = Math.max(slowestMs, againMs)
      if (againMs > slowMs) this.#find(`${againMs.toFixed(0)} ms for ${bytes.length} bytes`, bytes)
    }
    return {
      name: this.#target.name,
      inputs: this.#inputs,
      outcomes: this.#outcomes.size,
      slowestMs,
      growth,
      heapMib: heap / 2 ** 20,
      findings: this.#findings,
    }
  }

  #any(): Buffer {
    return this.#corpus[this.#mutator.below(this.#corpus.length)] as Buffer
  }

  async #take(bytes: Buffer): Promise<void> {
    this.#inputs++
    this.#order.onInput?.(bytes)
    const beganMs = performance.now()
    const outcome = await this.#outcomeOf(bytes)
    this.#noteTime(performance.now() - beganMs, bytes)
    if (this.#outcomes.has(outcome) || this.#outcomes.size >= 4 * corpusMax) return
    this.#outcomes.add(outcome)
    if (this.#corpus.length < corpusMax) this.#corpus.push(Buffer.from(bytes))
  }

  async #outcomeOf(bytes: Buffer): Promise<string> {
    // Its own: a reader may keep, but not change, what it is given.
    const given = Buffer.from(bytes)
    try {
      const answer = this.#target.run(given)
      const outcome = String(answer instanceof Promise ? await answer : answer)
      if (!given.equals(bytes)) this.#find('it changes the bytes that it reads', bytes)
      return outcome
    } catch (thrown) {
      const words = refusalOf(this.#target, thrown)
      if (words === null) this.#find(stackOf(thrown), bytes)
      return words ?? 'a finding'
    }
  }

  #noteTime(ms: number, bytes: Buffer): void {
    const least = this.#slowest.length < 3 ? 0 : (this.#slowest.at(-1)?.ms ?? 0)
    if (ms <= least) return
    this.#slowest.push({ ms, bytes: Buffer.from(bytes) })
    this.#slowest.sort((a, b) => b.ms - a.ms).splice(3)
  }

  #find(words: string, bytes: Buffer = Buffer.alloc(0)): void {
    const key = words.split('\n').slice(0, 2).join()
    if (this.#seen.has(key) || this.#findings.length >= findingsMax) return
    this.#seen.add(key)
    this.#findings.push(`${words}\n    input (${bytes.length} bytes): ${spelled(bytes)}`)
  }

  /** The least of some, in milliseconds of the processor: the machine may be busy. */
  async #costMs(bytes: Buffer): Promise<number> {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 3; i++) {
      this.#order.onInput?.(bytes)
      const before = process.threadCpuUsage()
      await this.#outcomeOf(bytes)
      least = Math.min(least, process.threadCpuUsage(before).user / 1000)
    }
    return least
  }

  /** Of seeds, words and the slowest inputs, each many times in a row. */
  async #growth(): Promise<number> {
    const { bytesMax = bytesMaxDefault, words = [] } = this.#target
    const units = [...this.#slowest.map(({ bytes }) => bytes), ...this.#target.seeds.slice(0, 4), ...words.slice(0, 12)]
    let worst = 0
    for (const unit of units.map((each) => Buffer.from(each as Buffer)).filter(({ length }) => length > 0)) {
      const long = filled(unit, bytesMax)
      const short = filled(unit, bytesMax >> 3)
      await this.#outcomeOf(short)
      const [shortMs, longMs] = [await this.#costMs(short), await this.#costMs(long)]
      const growth = longMs / Math.max(shortMs, 1)
      worst = Math.max(worst, growth)
      if (longMs > shortMs * growthMax + growthFreeMs)
        this.#find(`eight times the length takes ${growth.toFixed(0)} times as long (${longMs.toFixed(0)} ms)`, unit)
    }
    return worst
  }
}

const filled = (unit: Buffer, bytes: number): Buffer => Buffer.alloc(bytes, unit)

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `throws ${String(thrown)}`
  const at = thrown.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return [`${thrown.name}: ${thrown.message.slice(0, 200)}`, ...at.slice(0, 3)].join('\n')
}

function spelled(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 600).toString('latin1'))
}

let collect: (() => void) | null = null

function heapBytes(): number {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
