/**
 * Does a gateway's memory stay flat over 100,000 calls? Unary calls, short streams and clients that leave go through
 * Holdfast in slices;
 * after each slice resident memory and heap are read, and the second half of the samples is tested for a rising trend.
 *
 * The journal keeps answers for minutes, up to its room: that is its work and no leak. So its room is made small
 * enough to be full long
 * before the second half begins; what still rises then is one.
 *
 * "Grows" (`ground/trend.ts`) needs both: a trend that chance hardly gives, and a size that matters, beyond 4 MiB
 * and beyond 3 % of what is held. Exit code 1 when it grows or an answer was wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, text } from './command.ts'
import { freePort, gatewayCore } from './launch.ts'
import { startHoldfast } from './peer/holdfast.ts'
import { residentBytes } from './process-tree.ts'
import { type Mock, startLoad, startMock } from './rig.ts'
import { judgeTrend } from '../src/ground/trend.ts'

const sliceCount = 50
const growthBytesMin = 4 * 2 ** 20
const growthShareMin = 0.03

interface Point {
  readonly calls: number
  readonly residentBytes: number
  readonly heapBytes: number
}

/** With fewer the journal is not full in time. */
const callsMin = 50_000
const usage = `usage: node bench/memory-flat.ts [options]
  --calls N          from ${callsMin}, default 100000
  --journal NAME     memory (the default) or sqlite
  --journal-mib N    its room, default 32`

const command = new Command(usage, { calls: text, journal: text, 'journal-mib': text })
const callsWanted = command.count('calls', 100_000, callsMin, 1e9)
const journal = command.oneOf('journal', ['memory', 'sqlite'], 'memory')
const journalBytesMax = command.number('journal-mib', 32, 1, 1e6) * 2 ** 20

/**
 * One slice: 85 % unary, 10 % short streams, 5 % readers that leave after two of twenty chunks. Returns calls made
 * and wrong ones.
 */
async function runSlice(port: number, calls: number): Promise<{ calls: number; wrong: number; words: string }> {
  const common = { port, 'warmup-ms': 0, seconds: 60, 'drain-ms': 10_000 }
  const stream = { ...common, repeat: 1, connections: 20, 'interval-us': 1000 }
  const results = [
    await startLoad('unary', { ...common, connections: 32, count: Math.round(calls * 0.85) }).result,
    await startLoad('sse', { ...stream, chunks: 5, count: Math.round(calls * 0.1) }).result,
    await startLoad('sse', { ...stream, chunks: 20, 'leave-after': 2, count: Math.round(calls * 0.05) }).result,
  ]
  const sum = { calls: 0, wrong: 0, words: '' }
  for (const result of results) {
    sum.calls += result.answers
    sum.wrong += result.errors + result.lost + result.repeated + result.cut
    sum.words ||= result.first_error
  }
  return sum
}

async function heapBytes(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  const lines = [...text.matchAll(/^nodejs_(?:heap_size_used|external_memory)_bytes(?:\{[^}]*\})? (\S+)$/gm)]
  return lines.reduce((sum, match) => sum + Number(match[1]), 0)
}

/** Streams whose reader left must be gone from the model server too, at once. */
async function openStreams(mock: Mock): Promise<number> {
  await sleep(200)
  return (await mock.stats()).streams_open
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`

function verdict(name: string, points: readonly Point[], pick: (point: Point) => number): boolean {
  const half = points.slice(Math.floor(points.length / 2))
  const calls = half.map((point) => point.calls)
  const trend = judgeTrend(calls, half.map(pick), { growthMin: growthBytesMin, shareMin: growthShareMin })
  const facts = `median ${megabytes(trend.median)}, slope ${trend.slope.toFixed(1)} bytes/call (${megabytes(trend.growth)} over the half), p = ${trend.chance.toFixed(4)}`
  console.log(`${name}: ${trend.isGrowing ? 'GROWS' : 'flat'}; second half: ${facts}`)
  return trend.isGrowing
}

const mock = await startMock()
const [port, adminPort] = [await freePort(), await freePort()]
const gateway = await startHoldfast({
  upstreamUrl: mock.url,
  port,
  adminPort,
  journal,
  journalBytesMax,
  core: gatewayCore,
})
const points: Point[] = []
let calls = 0
let wrong = 0
const startedAt = performance.now()
for (let slice = 1; slice <= sliceCount; slice++) {
  const done = await runSlice(port, callsWanted / sliceCount)
  calls += done.calls
  wrong += done.wrong
  if (done.wrong > 0) console.log(`slice ${slice}: ${done.wrong} wrong, first: ${done.words}`)
  points.push({ calls, residentBytes: residentBytes(gateway.pids()), heapBytes: await heapBytes(adminPort) })
  const point = points.at(-1)
  if (slice % 5 === 0 && point !== undefined) {
    console.log(
      `${calls} calls: resident ${megabytes(point.residentBytes)}, heap and external ${megabytes(point.heapBytes)}`,
    )
  }
}
const stray = await openStreams(mock)
const seconds = (performance.now() - startedAt) / 1000
console.log(
  `\n${calls} calls in ${seconds.toFixed(0)} s, journal ${journal}: ${wrong} wrong, ${stray} upstream streams left open`,
)
const isGrowing = [
  verdict('resident memory', points, (point) => point.residentBytes),
  verdict('heap and external', points, (point) => point.heapBytes),
].includes(true)
await gateway.stop()
await mock.program.stop()
process.exit(isGrowing || wrong > 0 || stray > 0 ? 1 : 0)
