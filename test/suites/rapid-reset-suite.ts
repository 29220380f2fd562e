/**
 * `npm run suites -- rapid-reset`: 100,000 streams that are reset at once by 20 clients, then floods of control frames
 * and header bombs. What it costs the gateway is its own processor time; a healthy caller asks all the while.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Health, HealthyCaller } from './healthy-caller.ts'
import { callLines, flag, frame, frameOf, headerBlock, RawHttp2, u32 } from './raw-http2.ts'
import { Subject } from './subject.ts'

const clients = 20
const resetsPerClient = 5000
const cpuSecondsMax = 10
/** Streams in one write. */
const batch = 100
/** Between the writes: so all that was sent before has been read, if it is read at all. */
const pauseMs = 20
/** For the gateway to end a connection that it does not want. */
const endMs = 3000
const cancel = 8
/** A flood goes on until it is ended, or has sent so much. */
const floodBytesMax = 64 * 2 ** 20
const floodMs = 15_000
const memoryMibMax = 400

/** @returns whether the bars are reached */
export async function runRapidResetSuite(): Promise<boolean> {
  await using subject = await Subject.open({ guard: { exempt: ['127.0.0.1'] } })
  const caller = new HealthyCaller({ port: subject.port, from: '127.0.9.1', lanes: 2, everyMs: 100 })
  await sleep(1000)
  await caller.tell()
  subject.takeTurns()
  const before = subject.cpuSeconds()
  const beganMs = performance.now()
  const sent = await Promise.all(Array.from({ length: clients }, (_, i) => resetAll(subject.port, `127.0.8.${i + 1}`)))
  const cpu = subject.cpuSeconds() - before
  const resets = sent.reduce((sum, each) => sum + each.resets, 0)
  const connections = sent.reduce((sum, each) => sum + each.connections, 0)
  const codes = [...new Set(sent.flatMap((each) => each.codes))].join(', ')
  const tookS = ((performance.now() - beganMs) / 1000).toFixed(1)
  say(
    `${resets} resets by ${clients} clients over ${connections} connections in ${tookS} s: ${cpu.toFixed(2)} core-seconds`,
  )
  say(`their connections were closed with GOAWAY ${codes} (11 is ENHANCE_YOUR_CALM)`)
  const isCheap = cpu < cpuSecondsMax && resets >= clients * resetsPerClient
  const failures: string[] = []
  const sayHealth = async (): Promise<void> => {
    const health = await caller.tell()
    failures.push(...health.failures)
    say(`  ${wordsOf(health)}; longest turn ${subject.takeTurns().toFixed(0)} ms of CPU`)
  }
  await sayHealth()
  const isEnded = await playFloods(subject, sayHealth)
  await caller.end()
  for (const each of failures.slice(0, 5)) say(`  ${each}`)
  const memory = subject.memoryMib()
  say(`memory of the largest process afterwards: ${memory.toFixed(0)} MiB`)
  return isCheap && isEnded && failures.length === 0 && memory < memoryMibMax
}

interface Sent {
  readonly resets: number
  readonly connections: number
  readonly codes: readonly number[]
}

/** Goes on over new connections when one is closed. */
async function resetAll(port: number, from: string): Promise<Sent> {
  const codes = new Set<number>()
  let resets = 0
  let connections = 0
  const block = headerBlock(callLines(null))
  while (resets < resetsPerClient) {
    using client = new RawHttp2(port, from)
    connections++
    for (let stream = 1; resets < resetsPerClient && !client.isClosed; stream += 2 * batch) {
      const frames = Array.from({ length: batch }, (_, i) => [
        frameOf(frame.headers, flag.endHeaders, stream + 2 * i, block),
        frameOf(frame.reset, flag.none, stream + 2 * i, u32(cancel)),
      ])
      const hasRoom = client.write(Buffer.concat(frames.flat()))
      resets += batch
      await (hasRoom ? sleep(pauseMs) : client.drained())
    }
    await client.ended(endMs)
    if (client.goaway !== null) codes.add(client.goaway)
    await sleep(5)
  }
  return { resets, connections, codes: [...codes] }
}

interface Flood {
  readonly name: string
  /** What is said once, and then again and again. */
  readonly first?: Buffer
  readonly again: (turn: number) => Buffer
}

const open = (stream: number): Buffer => frameOf(frame.headers, flag.endHeaders, stream, headerBlock(callLines(null)))
const many = (one: Buffer): Buffer => Buffer.concat(Array.from({ length: Math.ceil(16_384 / one.length) }, () => one))

/** RFC 7541: a line that enters the table, and then names of its place alone. */
const bombLine = Buffer.concat([Buffer.of(0x40), headerBlock([['x', 'y'.repeat(3900)]]).subarray(1)])
const bomb = (stream: number): Buffer => {
  const block = Buffer.concat([headerBlock(callLines(null)), bombLine, Buffer.alloc(8000, 0x80 | 62)])
  return frameOf(frame.headers, flag.endHeaders | flag.end, stream, block)
}

const floods: readonly Flood[] = [
  { name: 'PING', again: () => many(frameOf(frame.ping, flag.none, 0, Buffer.alloc(8))) },
  { name: 'PING acknowledged', again: () => many(frameOf(frame.ping, 1, 0, Buffer.alloc(8))) },
  { name: 'SETTINGS', again: () => many(frameOf(frame.settings, flag.none, 0)) },
  { name: 'PRIORITY', again: () => many(frameOf(frame.priority, flag.none, 1, Buffer.from([0, 0, 0, 0, 1]))) },
  { name: 'WINDOW_UPDATE', again: () => many(frameOf(frame.window, flag.none, 0, u32(1))) },
  { name: 'DATA without data', first: open(1), again: () => many(frameOf(frame.data, flag.none, 1)) },
  { name: 'RST_STREAM', first: open(1), again: () => many(frameOf(frame.reset, flag.none, 1, u32(cancel))) },
  { name: 'frames of an unknown type', again: () => many(frameOf(0x77, flag.none, 0)) },
  {
    name: 'CONTINUATION without end',
    first: frameOf(frame.headers, flag.none, 1, headerBlock([[':method', 'GET']])),
    again: () => many(frameOf(frame.continuation, flag.none, 1, headerBlock([['x', 'y']]))),
  },
  {
    name: 'CONTINUATION without anything',
    first: frameOf(frame.headers, flag.none, 1),
    again: () => many(frameOf(frame.continuation, flag.none, 1)),
  },
  {
    name: 'HEADERS without end',
    again: (turn) => Buffer.concat(Array.from({ length: 50 }, (_, i) => open(100 * turn + 2 * i + 1))),
  },
  { name: 'header bombs (HPACK)', again: (turn) => bomb(2 * turn + 1) },
  {
    name: 'a header list of 60 KB',
    again: (turn) =>
      Buffer.concat([
        frameOf(frame.headers, flag.none, 2 * turn + 1, headerBlock([...callLines(null), ['x', 'y'.repeat(15_000)]])),
        ...[0, 1, 4].map((flags) =>
          frameOf(frame.continuation, flags & 4, 2 * turn + 1, headerBlock([['x', 'y'.repeat(15_000)]])),
        ),
      ]),
  },
]

/** Each from an address of its own. */
async function playFloods(subject: Subject, sayHealth: () => Promise<void>): Promise<boolean> {
  let isGood = true
  for (const [i, { name, first, again }] of floods.entries()) {
    const before = subject.cpuSeconds()
    const beganMs = performance.now()
    using client = new RawHttp2(subject.port, `127.0.7.${i + 1}`)
    await sleep(20)
    if (first) client.write(first)
    let bytes = 0
    const endMs = performance.now() + floodMs
    for (let turn = 0; !client.isClosed && bytes < floodBytesMax && performance.now() < endMs; turn++) {
      const piece = again(turn)
      bytes += piece.length
      if (!client.write(piece)) await client.drained()
      // Also where nothing will be taken any more: the end of the connection has to be heard of.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.ended(1000)
    const cpu = subject.cpuSeconds() - before
    const end = client.isClosed ? `closed, GOAWAY ${client.goaway ?? 'none'}` : 'NOT CLOSED'
    say(
      `flood of ${name}: ${end} after ${(bytes / 1024).toFixed(0)} KiB, ${cpu.toFixed(2)} core-seconds in ${((performance.now() - beganMs) / 1000).toFixed(1)} s, ${subject.memoryMib().toFixed(0)} MiB`,
    )
    await sayHealth()
    if (!client.isClosed || cpu > cpuSecondsMax / 5) isGood = false
  }
  return isGood
}

function wordsOf({ calls, failures, p50Ms, p99Ms }: Health): string {
  return `a healthy caller: ${calls} calls, ${failures.length} failed, p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
