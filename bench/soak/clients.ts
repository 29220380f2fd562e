/**
 * The clients of the soak: they ask at Poisson moments and check every byte and every event. Most read quietly; some
 * drop their connection now and then, some walk away for seconds, some sit behind a narrow link, some do not stream.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seededRandom } from '../../src/ground/random.ts'
import { chat } from '../../test/crash/chat.ts'
import { ResumingClient } from '../../test/crash/resuming-client.ts'
import { type Arrival, arrivals, promptOf } from '../overload/workload.ts'

export type Manner = 'quiet' | 'dropping' | 'away' | 'slow' | 'unary'

/** Shares of the calls; what is left of 1 is quiet. */
const manners: readonly (readonly [Manner, number])[] = [
  ['dropping', 0.2],
  ['away', 0.05],
  ['slow', 0.1],
  ['unary', 0.1],
]
/** Per event, for those that drop: every other answer or so is dropped once. */
const dropChance = 0.02
const awayMs = 3000
const patienceMs = 60_000
/** Calls under way at once; beyond it the soak has failed, and asks no more until some have ended. */
const openMax = 1000

export interface SoakTally {
  calls: number
  whole: number
  resumes: number
  /** Told no before anything of an answer: not kept, not promised. */
  refused: number
  /** Not asked because too many were under way. */
  skipped: number
  longestGapMs: number
  /** Of accepted answers; the first hundred. */
  readonly complaints: string[]
}

export interface SoakOptions {
  readonly url: string
  /** The same gateway, over a narrow link. */
  readonly slowUrl: string
  readonly callsPerSecond: number
  readonly seconds: number
  readonly seed: number
}

function mannerOf(random: Random): Manner {
  let left = random.unit()
  for (const [manner, share] of manners) {
    left -= share
    if (left < 0) return manner
  }
  return 'quiet'
}

export class Clients {
  readonly tally: SoakTally = {
    calls: 0,
    whole: 0,
    resumes: 0,
    refused: 0,
    skipped: 0,
    longestGapMs: 0,
    complaints: [],
  }
  readonly #options: SoakOptions
  readonly #open = new Set<Promise<void>>()

  constructor(options: SoakOptions) {
    this.#options = options
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Asks for the time given; resolves when the last answer has ended. */
  async run(): Promise<void> {
    const { seed, callsPerSecond, seconds } = this.#options
    const beganMs = performance.now()
    const random = seededRandom(seed + 1)
    for (const arrival of arrivals(seededRandom(seed), callsPerSecond)) {
      if (arrival.atMs >= seconds * 1000) break
      const waitMs = beganMs + arrival.atMs - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      const manner = mannerOf(random)
      if (this.#open.size >= openMax) this.tally.skipped++
      else this.#begin(arrival, manner)
    }
    await Promise.all(this.#open)
  }

  #begin(arrival: Arrival, manner: Manner): void {
    this.tally.calls++
    const call = manner === 'unary' ? this.#askWhole(arrival) : this.#askStream(arrival, manner)
    this.#open.add(call)
    void call.finally(() => this.#open.delete(call))
  }

  async #askWhole(arrival: Arrival): Promise<void> {
    const { url, seed } = this.#options
    const { verdict, code, detail } = await chat(url, 'lab-model', promptOf(arrival, seed), false)
    if (verdict === 'whole') this.tally.whole++
    else if (verdict === 'refused') this.tally.refused++
    else this.#complain(`call ${arrival.number}, not streamed: ${verdict} ${code} ${detail}`)
  }

  async #askStream(arrival: Arrival, manner: Manner): Promise<void> {
    const { url, slowUrl, seed } = this.#options
    let mayLeave = manner === 'away'
    const client = new ResumingClient({
      url: manner === 'slow' ? slowUrl : url,
      model: 'lab-model',
      prompt: promptOf(arrival, seed),
      random: seededRandom(seed * 100_003 + arrival.number),
      dropChance: manner === 'dropping' ? dropChance : 0,
      idempotencyKey: `soak-${seed}-${arrival.number}`,
      patienceMs,
      repeatMs: 500,
      obeysRetryAfter: true,
      onEvent: (number, self) => {
        if (!mayLeave || number < 5) return
        mayLeave = false
        self.leave(sleep(awayMs))
      },
    })
    const { complaint, resumes, longestGapMs } = await client.run()
    this.tally.resumes += resumes
    this.tally.longestGapMs = Math.max(this.tally.longestGapMs, longestGapMs)
    if (complaint === null) this.tally.whole++
    else if (client.ray === null) this.tally.refused++
    else this.#complain(`call ${arrival.number}, ${manner}: ${complaint}`)
  }

  #complain(words: string): void {
    if (this.tally.complaints.length < 100) this.tally.complaints.push(words)
  }
}
