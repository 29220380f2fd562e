/** A started gateway under test: probed for a right answer, loaded with a question, looked at for its memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, setRealtime, wordsOf } from './launch.ts'
import type { Peer, RunningPeer } from './peer/peer.ts'
import { cpuTicks, residentBytes } from './process-tree.ts'
import type { Question, QuestionName } from './question.ts'
import { type Load, type LoadResult, type Mock, startLoad } from './rig.ts'

/** One measurement; times in microseconds. */
export interface Sample {
  readonly question: QuestionName
  readonly peer: string
  readonly round: number
  readonly cpuUsPerUnit: number
  readonly unitsPerSecond: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p99Us: number
  /**
   * Share of the chunks that came later than one chunk interval: a gateway with many cannot follow and merges what
   * has queued.
   */
  readonly lateShare: number
  /** Chunks lost or repeated, streams cut, requests failed. */
  readonly wrongCount: number
  /** The kinds of wrong with their counts, and the first error; empty when nothing was wrong. */
  readonly wrongWords: string
  /** Streams that could not be read to their end in the time given: the gateway was too slow. */
  readonly unfinishedCount: number
}

/** Memory of streams that stand still, and what happens to the upstream when their readers leave. */
export interface IdleSample {
  readonly peer: string
  readonly bytesAtStart: number
  /** With 1,000 streams, and with 1,000 more. */
  readonly bytesBefore: number
  readonly bytesWith: number
  /** Those more. */
  readonly streamCount: number
  /** Until the model server saw the last stream go; null when streams were left open. */
  readonly letGoMs: number | null
  readonly leftOpenCount: number
}

export interface Contender {
  readonly name: string
  readonly version: string
  readonly note: string | undefined
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  pids(): number[]
  stop(): Promise<void>
}

const idleStreams = 1000
const letGoMsMax = 2000

/** No gateway: the load asks the mock itself. Its CPU is the mock's own, its delays are the base line. */
export function directContender(mock: Mock): Contender {
  const port = Number(new URL(mock.url).port)
  const nothing = async (): Promise<void> => {}
  return { name: 'direct', version: '', note: undefined, port, headers: {}, pids: mock.program.pids, stop: nothing }
}

/** Starts a peer and asks it for one right answer of each kind. @throws when it does not give them */
export async function openContender(peer: Peer, mock: Mock): Promise<Contender> {
  const port = await freePort()
  const running: RunningPeer = await peer.start(mock.url, port)
  const headers = peer.headers?.(mock.url) ?? {}
  try {
    await probe(port, headers)
  } catch (error) {
    await running.stop()
    throw new Error(`wrong answer to the probe: ${wordsOf(error)}`, { cause: error })
  }
  return {
    name: peer.name,
    version: running.version,
    note: peer.note,
    port,
    headers,
    pids: running.pids,
    stop: running.stop,
  }
}

async function probe(port: number, headers: Readonly<Record<string, string>>): Promise<void> {
  const ask = async (isStream: boolean): Promise<string> => {
    const messages = [{ role: 'user', content: 'bench chunks=5 interval_us=1000 size=200 first_us=0 hold=0' }]
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer bench', ...headers },
      body: JSON.stringify({ model: 'mock', stream: isStream, messages }),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`status ${response.status}: ${text.slice(0, 300)}`)
    return text
  }
  const completion = JSON.parse(await ask(false)) as { choices?: { message?: { content?: string } }[] }
  if (completion.choices?.[0]?.message?.content?.startsWith('the gateway holds fast') !== true)
    throw new Error('not the completion')
  const stream = await ask(true)
  const sequence = [...stream.matchAll(/"#([0-9a-f]{8})@/g)].map((match) => Number.parseInt(match[1] ?? '', 16)).join()
  if (sequence !== '0,1,2,3,4') throw new Error(`chunks ${sequence}`)
  if (!stream.includes('"finish_reason":"stop"') || !stream.includes('[DONE]')) throw new Error('the stream has no end')
}

/**
 * Some seconds of each kind, so that a just-in-time compiler is not what the rounds measure: at full load V8 compiles
 * for about five seconds, and what it has not compiled yet costs half as much again.
 */
export async function warm(contender: Contender): Promise<void> {
  const common = { port: contender.port, 'warmup-ms': 0, 'drain-ms': 1000 }
  const { headers } = contender
  await startLoad('unary', { ...common, seconds: 5, connections: 64 }, { headers }).result
  const pace = { connections: 250, repeat: 1, chunks: 100, 'interval-us': 20_000 }
  await startLoad('sse', { ...common, seconds: 3, ...pace }, { headers }).result
}

export async function measure(
  contender: Contender,
  question: Question,
  seconds: number,
  mock: Mock,
  round: number,
): Promise<Sample> {
  const pids = contender.pids()
  const realtimePids = [...new Set([...pids, mock.program.pid])]
  if (question.isRealtime) setRealtime(realtimePids, true)
  let result: LoadResult
  try {
    const mockPort = new URL(mock.url).port
    const args = { port: contender.port, seconds, pids: pids.join(), 'mock-port': mockPort, ...question.flags }
    result = await startLoad(question.mode, args, { headers: contender.headers, isRealtime: question.isRealtime })
      .result
  } finally {
    if (question.isRealtime) setRealtime(realtimePids, false)
  }
  await settle(contender, mock)
  const isFirst = question.name === 'ttft'
  return {
    question: question.name,
    peer: contender.name,
    round,
    cpuUsPerUnit: result.cpu_us / result.units,
    unitsPerSecond: result.units / result.seconds,
    p50Us: isFirst ? result.first_p50_us : result.p50_us,
    p90Us: result.p90_us,
    p99Us: isFirst ? result.first_p99_us : result.p99_us,
    lateShare: question.unit === 'chunk' ? result.late / result.units : 0,
    wrongCount: result.lost + result.repeated + result.cut + result.errors,
    wrongWords: wrongWords(result),
    unfinishedCount: question.name === 'ttft' ? 0 : result.unfinished,
  }
}

function wrongWords(result: LoadResult): string {
  const counts = { lost: result.lost, repeated: result.repeated, cut: result.cut, failed: result.errors }
  const words = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []))
  return [...words, ...(result.first_error === '' ? [] : [`first: ${result.first_error}`])].join(', ')
}

/**
 * Waits until the last question's streams are gone and the gateway is at rest, so that the next one is not billed for
 * it.
 */
async function settle(contender: Contender, mock: Mock): Promise<void> {
  for (let turn = 0; turn < 50; turn++) {
    const before = cpuTicks(contender.pids())
    await sleep(100)
    const isQuiet = cpuTicks(contender.pids()) - before <= 2
    if (isQuiet && (turn >= 30 || (await mock.stats()).streams_open === 0)) break
  }
  if ((await mock.stats()).streams_open > 0) await mock.drop()
}

/**
 * Opens 1,000 streams that say one chunk and then nothing, and 1,000 more, and reads the memory that these took: what
 * the first ones make a compiler take is paid once a process. Then takes the readers of these away at once.
 */
export async function measureIdle(contender: Contender, mock: Mock): Promise<IdleSample> {
  const bytesAtStart = residentBytes(contender.pids())
  const quiet = { connections: idleStreams, chunks: 2, 'interval-us': 3_600_000_000, 'ramp-ms': 800, 'warmup-ms': 0 }
  const open = async (): Promise<{ load: Load; bytes: number; count: number }> => {
    const load = startLoad('sse', { port: contender.port, seconds: 40, ...quiet }, { headers: contender.headers })
    await load.steady
    await sleep(500)
    return { load, bytes: residentBytes(contender.pids()), count: (await mock.stats()).streams_open }
  }
  const first = await open()
  const second = await open()
  const streamCount = second.count - first.count
  const leftAt = performance.now()
  await second.load.program.stop()
  let leftOpenCount = streamCount
  while (leftOpenCount > 0 && performance.now() - leftAt < letGoMsMax) {
    leftOpenCount = (await mock.stats()).streams_open - first.count
    if (leftOpenCount > 0) await sleep(10)
  }
  const letGoMs = leftOpenCount === 0 ? performance.now() - leftAt : null
  await first.load.program.stop()
  await sleep(letGoMsMax / 2)
  leftOpenCount = (await mock.stats()).streams_open
  if (leftOpenCount > 0) await mock.drop()
  await settle(contender, mock)
  const [bytesBefore, bytesWith] = [first.bytes, second.bytes]
  return { peer: contender.name, bytesAtStart, bytesBefore, bytesWith, streamCount, letGoMs, leftOpenCount }
}
