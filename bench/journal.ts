/**
 * What does it cost to keep an event? Durable appends a second and CPU for an event, with 500 answers under way at
 * once, by engine: as fast as it goes (each answer appends its next event when the last one has been kept), and at a
 * steady 10,000 events a second, where commits are smaller. An answer ends after 200 events and another begins.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RaySource } from '../src/fault/ray.ts'
import { systemClock } from '../src/ground/clock.ts'
import { systemRandom } from '../src/ground/random.ts'
import type { Journal, JournalEntry } from '../src/store/journal.ts'
import { type JournalOptions, journalSchema } from '../src/store/journal-options.ts'
import { MemoryJournal } from '../src/store/memory-journal.ts'
import { SqliteJournal } from '../src/store/sqlite-journal.ts'
import { Command, flag, text } from './command.ts'
import { describeMachine } from './machine.ts'
import { quantile } from './statistics.ts'

const eventsPerAnswer = 200
const pacedPerSecond = 10_000
const paceMs = 1
const warmupMs = 400
const request = Buffer.alloc(1024, 'q')
const event = Buffer.from(
  `data: ${JSON.stringify({ id: 'chatcmpl-1', choices: [{ delta: { content: 'word ' } }] }).padEnd(192)}\n\n`,
)

interface Result {
  readonly engine: string
  readonly load: 'flat out' | 'steady'
  readonly eventsPerSecond: number
  /** User and system time of this process for one event, microseconds. */
  readonly cpuUs: number
  /** From append to kept, milliseconds. */
  readonly keptMsP50: number
  readonly keptMsP99: number
}

const usage = `usage: node bench/journal.ts [options]
  --answers N    under way at once, default 500
  --seconds N    length of each measured window, default 1.5
  --json         everything measured, as JSON`

const command = new Command(usage, { answers: text, seconds: text, json: flag })
const answerCount = command.count('answers', 500, 1, 10_000)
const seconds = command.number('seconds', 1.5, 0.1, 10)

const rays = new RaySource(systemClock, systemRandom, { node: 1, site: 'bench' })

/** One of the answers under way: the next begins where it ends. */
class Lane {
  #journal: Journal
  #onKept: (waitMs: number, lane: Lane) => void
  #entry: JournalEntry | null = null
  #sentMs: number[] = []
  #keptCount = 0

  constructor(journal: Journal, onKept: (waitMs: number, lane: Lane) => void) {
    this.#journal = journal
    this.#onKept = onKept
  }

  append(): void {
    if (!this.#entry || this.#entry.count === eventsPerAnswer) this.#next()
    this.#sentMs.push(performance.now())
    this.#entry?.append(event)
    if (this.#entry?.count === eventsPerAnswer) this.#entry.seal('complete')
  }

  #next(): void {
    this.#keptCount = 0
    const info = {
      ...{ ray: rays.next(), route: 'chat', model: 'tiny', caller: 'bench', beganMs: Date.now() },
      ...{ isStream: true, isStored: false, callKey: null },
    }
    this.#entry = this.#journal.begin(info, request, {
      onKept: (count) => this.#kept(count),
      onLost: (fault) => {
        throw fault
      },
      onCancel: () => {},
    })
  }

  #kept(count: number): void {
    const nowMs = performance.now()
    for (; this.#keptCount < count; this.#keptCount++) {
      const sentMs = this.#sentMs.shift() ?? nowMs
      this.#onKept(nowMs - sentMs, this)
    }
  }
}

/** Runs for the warm-up and the time asked for; counts what was kept in the latter. */
async function run(engine: string, load: Result['load'], journal: Journal): Promise<Result> {
  const waits: number[] = []
  let isCounted = false
  let isOver = false
  const lanes: Lane[] = Array.from(
    { length: answerCount },
    () =>
      new Lane(journal, (waitMs, lane) => {
        if (isCounted) waits.push(waitMs)
        if (load === 'flat out' && !isOver) setImmediate(() => isOver || lane.append())
      }),
  )
  const pacer = load === 'steady' ? pace(lanes) : null
  if (load === 'flat out') for (const lane of lanes) lane.append()
  await sleep(warmupMs)
  isCounted = true
  const from = { ms: performance.now(), cpu: process.cpuUsage() }
  await sleep(seconds * 1000)
  isCounted = false
  isOver = true
  const { user, system } = process.cpuUsage(from.cpu)
  const elapsedMs = performance.now() - from.ms
  clearInterval(pacer ?? undefined)
  await sleep(50)
  return {
    engine,
    load,
    eventsPerSecond: (waits.length * 1000) / elapsedMs,
    cpuUs: (user + system) / waits.length,
    keptMsP50: quantile(waits, 0.5),
    keptMsP99: quantile(waits, 0.99),
  }
}

function pace(lanes: readonly Lane[]): NodeJS.Timeout {
  const fromMs = performance.now()
  let sent = 0
  return setInterval(() => {
    const due = ((performance.now() - fromMs) / 1000) * pacedPerSecond
    for (; sent < due; sent++) lanes[sent % lanes.length]?.append()
  }, paceMs)
}

const sleep = async (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

function table(results: readonly Result[]): string {
  const head = '| engine | load | events/s | CPU µs an event | kept after, p50 ms | p99 ms |'
  const lines = results.map(
    ({ engine, load, eventsPerSecond, cpuUs, keptMsP50, keptMsP99 }) =>
      `| ${engine} | ${load} | ${Math.round(eventsPerSecond).toLocaleString('en')} | ${cpuUs.toFixed(1)} | ${keptMsP50.toFixed(2)} | ${keptMsP99.toFixed(2)} |`,
  )
  return [head, '|---|---|---:|---:|---:|---:|', ...lines].join('\n')
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-journal-'))
const options: JournalOptions = journalSchema.parse({})
const sqlite = (sync: 'normal' | 'full', load: string): Journal =>
  new SqliteJournal(join(folder, `${sync}-${load}.db`), systemClock, { ...options, sync }, `bench-${sync}`)
const engines = {
  memory: () => new MemoryJournal(systemClock, options),
  'sqlite, sync normal': (load: string) => sqlite('normal', load),
  'sqlite, sync full': (load: string) => sqlite('full', load),
}
try {
  const results: Result[] = []
  for (const load of ['flat out', 'steady'] as const) {
    for (const [name, open] of Object.entries(engines)) {
      await using journal = open(load)
      results.push(await run(name, load, journal))
    }
  }
  const { processor, coreCount, node, loadBefore } = describeMachine()
  if (command.is('json')) console.log(JSON.stringify({ machine: describeMachine(), answerCount, seconds, results }))
  else {
    console.log(`${answerCount} answers under way, events of ${event.length} bytes, ${seconds} s each`)
    console.log(`${processor}, ${coreCount} cores, Node ${node}, load average before ${loadBefore.toFixed(2)}\n`)
    console.log(table(results))
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
