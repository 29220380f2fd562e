/**
 * What the record costs and how fast it is asked: `node bench/record.ts [--facts 1000000]`. Prints the CPU time that a
 * settled call costs, and the time of each kind of question to a file of so many facts.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explainRay } from '../src/diagnosis/explain-ray.ts'
import type { FaultCode } from '../src/fault/code.ts'
import type { Ray } from '../src/fault/ray.ts'
import { RaySource } from '../src/fault/ray.ts'
import { ManualClock } from '../src/ground/manual-clock.ts'
import { seededRandom } from '../src/ground/random.ts'
import type { ExchangeFact } from '../src/observe/exchange-fact.ts'
import { type FactKind, factKinds } from '../src/observe/fact.ts'
import { Recording } from '../src/observe/recording.ts'
import { recordSchema } from '../src/store/record-options.ts'
import { SqliteRecord } from '../src/store/sqlite-record.ts'
import { RecordQuery } from '../src/store/sqlite-record-query.ts'

const { values } = parseArgs({ options: { facts: { type: 'string', default: '1000000' } } })
const factCount = Number(values.facts)
const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-bench-'))
const path = join(folder, 'record.db')
const random = seededRandom(1)
const clock = new ManualClock()
const rays = new RaySource(clock, random, { node: 1, site: 'bench' })
const codes: readonly (FaultCode | null)[] = [
  null,
  null,
  null,
  null,
  'HF_UPSTREAM_CUT',
  'HF_OVERLOADED',
  'HF_DNS_FAILED',
]
/** All but samples and sums, as in web/console/facts.ts. */
const tailKinds = (Object.keys(factKinds) as FactKind[]).filter(
  (kind) => !/^(sum|load|line|limit|resource)$/.test(kind),
)
const pick = <T>(all: readonly T[]): T => all[Math.floor(random.unit() * all.length)] as T

function account(code: FaultCode | null): ExchangeFact {
  const upstream = `gpu${Math.floor(random.unit() * 8)}`
  const first = {
    upstream,
    code,
    detail: code ? 'ECONNRESET 10.0.0.1:8000' : '',
    afterMs: 1,
    durationMs: 900,
    connectMs: 0,
    firstTokenMs: null,
    receivedStatus: 200,
  }
  return {
    atMs: clock.nowMs(),
    ray: rays.next(),
    requestId: null,
    trace: null,
    route: 'chat',
    model: 'llama-3.3-70b',
    isModelKnown: true,
    caller: 'app',
    tier: 'standard',
    isStream: true,
    outcome: code ? 'failed' : 'complete',
    status: code ? 502 : 200,
    code,
    detail: code ? 'ECONNRESET 10.0.0.1:8000' : '',
    attempts: [first],
    seams: [],
    durationMs: 1000 * random.unit(),
    firstTokenMs: 100 * random.unit(),
    queueMs: 0,
    overheadMs: 0.6,
    inputTokens: 500,
    outputTokens: 200,
    finishReason: code ? null : 'stop',
    requestBytes: 2000,
    sentBytes: 30_000,
    eventCount: 200,
  }
}

/** CPU milliseconds, of all threads of this process. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function measureCalls(what: string, code: FaultCode | null, perSecond: number): void {
  const place = join(folder, `${what}.db`)
  const recording = new Recording(clock, recordSchema.parse({}), new SqliteRecord(place, clock, 'bench/1', console))
  const accounts = Array.from({ length: 1000 }, () => account(code))
  const seconds = 20
  const ms = cpuMs(() => {
    for (let second = 0; second < seconds; second++)
      for (let part = 0; part < 10; part++) {
        for (let i = 0; i < perSecond / 10; i++) recording.call(accounts[i % 1000] as ExchangeFact)
        clock.advance(100)
      }
  })
  recording[Symbol.dispose]()
  const count = seconds * perSecond
  process.stdout.write(`${what.padEnd(28)} ${((1000 * ms) / count).toFixed(2)} µs of CPU a call\n`)
}

function fill(): Ray[] {
  const record = new SqliteRecord(path, clock, 'bench/1', console)
  // Everything is kept: what is measured is the file, and not the sample.
  const options = recordSchema.parse({ eventfulPerSecond: 1_000_000, uneventfulPerSecond: 1_000_000 })
  const recording = new Recording(clock, options, record)
  const some: Ray[] = []
  for (let i = 0; i < factCount; i++) {
    if (i % 50 === 0) {
      const upstream = `gpu${i % 8}`
      recording.note({ kind: 'upstream', upstream, state: 'down', seenBy: 'call', detail: '', certificate: null })
    } else {
      const fact = account(pick(codes))
      recording.call(fact)
      if (i % 1000 === 1) some.push(fact.ray)
    }
    if (i % 20 === 0) clock.advance(10)
  }
  recording[Symbol.dispose]()
  return some
}

function ask(what: string, times: number, question: (reader: RecordQuery, i: number) => unknown): void {
  using reader = new RecordQuery(path)
  const tookMs: number[] = []
  for (let i = 0; i < times; i++) {
    const beganMs = performance.now()
    question(reader, i)
    tookMs.push(performance.now() - beganMs)
  }
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(share * (times - 1))] as number).toFixed(2)
  process.stdout.write(`${what.padEnd(44)} median ${at(0.5)} ms, worst ${at(1)} ms\n`)
}

try {
  measureCalls('uneventful', null, 5000)
  measureCalls('failed, 1000 a second', 'HF_UPSTREAM_CUT', 1000)
  measureCalls('failed, 5000 a second', 'HF_UPSTREAM_CUT', 5000)
  const beganMs = performance.now()
  const some = fill()
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
  const mib = (statSync(path).size / 2 ** 20).toFixed(0)
  process.stdout.write(`${factCount} facts written in ${seconds} s, ${mib} MiB\n`)
  const nowMs = clock.nowMs()
  ask('explain: a call, and what was around it', 50, (reader, i) =>
    explainRay(reader, some[(i * 37) % some.length] as Ray),
  )
  ask('by ray', 200, (reader, i) => reader.byRay(some[i % some.length] as Ray))
  ask('around a moment (10 s, house)', 50, (reader, i) =>
    reader.earliest(
      { kinds: ['upstream', 'breaker', 'worker', 'deploy'], fromMs: nowMs - i * 1000 - 10_000, toMs: nowMs - i * 1000 },
      1000,
    ),
  )
  ask('around a moment (10 s, everything)', 50, (reader, i) =>
    reader.earliest({ fromMs: nowMs - i * 1000 - 10_000, toMs: nowMs - i * 1000 }, 1000),
  )
  ask('the newest page of all', 50, (reader) => reader.latest({}, 100))
  ask('the console’s tail', 50, (reader) => reader.latest({ kinds: tailKinds }, 200))
  ask('the console’s latest troubles', 50, (reader) => reader.latest({ kinds: tailKinds, isEventful: true }, 200))
  ask('the console’s tail of one upstream', 50, (reader) => reader.latest({ kinds: tailKinds, upstream: 'gpu3' }, 100))
  ask('a page of one fault', 50, (reader) => reader.latest({ code: 'HF_DNS_FAILED' }, 100))
  ask('a page of one upstream', 50, (reader) => reader.latest({ upstream: 'gpu3' }, 100))
  ask('a page of one upstream and fault', 50, (reader) =>
    reader.latest({ upstream: 'gpu3', code: 'HF_OVERLOADED' }, 100),
  )
  ask('a page that finds nothing', 50, (reader) => reader.latest({ upstream: 'gpu99', code: 'HF_LOOP' }, 100))
  ask('the last failure', 50, (reader) => reader.lastFailure())
  ask('counts of the last hour', 20, (reader) => reader.counts(nowMs - 3_600_000, nowMs))
} finally {
  rmSync(folder, { recursive: true })
}
