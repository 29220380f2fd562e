/** S17 to S21: the gateway itself dies, restarts or has too much to do, and its callers have bad links. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerText } from './answer-text.ts'
import { askOn } from './caller.ts'
import { Hearing } from './hearing.ts'
import { demand, type Judgement, judgeAnswer, judgeUnderLoad, within, worst } from './judge.ts'
import type { Act, BackEndOptions } from './provider.ts'
import { answersWell, type Scenario, type Trial, trialOf } from './scenario.ts'
import type { Stage } from './stage.ts'

/** Answers that take about three seconds, so that there is a middle to be hit in. */
const slowWordMs = 45
const slowly: BackEndOptions = { behaviour: () => ({ kind: 'answer', wordMs: slowWordMs }) }
const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

interface Readiness {
  readonly generation?: number
  readonly workers?: readonly { readonly pid: number; readonly isReady?: boolean; readonly callsLive?: number }[]
  readonly retiring?: readonly { readonly pid: number }[]
}

async function readiness(stage: Stage): Promise<Readiness> {
  const { gateway } = stage.subject
  if (!gateway) throw new Error('this scenario needs a gateway with processes of its own')
  return (await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as Readiness
}

async function until(what: string, look: () => Promise<boolean>, patienceMs = 20_000): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (performance.now() < endMs) {
    if (await look().catch(() => false)) return
    await sleep(50)
  }
  throw new Error(`waited in vain for ${what}`)
}

async function untilReady(stage: Stage, workers: number): Promise<void> {
  await until('all workers to be ready', async () => {
    const facts = await readiness(stage)
    return facts.workers?.length === workers && facts.workers.every(({ isReady }) => isReady)
  })
}

/** The trial of several calls: the worst of them counts, the slowest gives the time. */
function trialOfAll(
  form: string,
  stage: Stage,
  pair: string,
  heard: readonly Hearing[],
  judgements: readonly Judgement[],
): Trial {
  const slowest = heard.toSorted((a, b) => b.durationMs - a.durationMs)[0] ?? new Hearing()
  return trialOf(form, slowest, stage.pair(pair), worst(judgements))
}

// S17: the gateway is killed.

const killedCallers = 6
/** From a death until the next word, on one machine; the beginning of the answer may have to be asked for again. */
const takeoverMs = 5000 + 60 * slowWordMs

/** Callers that come back for the rest, all in the middle of their answers; resolves then. */
async function beginCalls(stage: Stage): Promise<{ ends: Promise<readonly Hearing[]> }> {
  const heard: Hearing[] = []
  const note = (hearing: Hearing): undefined => void (heard.includes(hearing) || heard.push(hearing))
  const ends = Promise.all(
    Array.from({ length: killedCallers }, () =>
      askOn(stage.calling('killed', { isStream: true, patienceMs: 40_000, onBytes: note }), { by: 'ray', waitMs: 100 }),
    ),
  )
  await until(
    'all answers to be under way',
    async () => heard.length === killedCallers && heard.every(({ pieceCount }) => pieceCount >= 10),
  )
  return { ends }
}

/** @param awayMs nobody was there for so long. */
function judgeKilled(heard: readonly Hearing[], awayMs = 0): Judgement[] {
  const isHit = heard.some(({ resumeCount }) => resumeCount > 0)
  const hit = demand(isHit, 'no connection was hit by the kill, so nothing was shown')
  const limitMs = takeoverMs + awayMs
  return heard.map((hearing) => {
    const gapMs = Math.round(hearing.longestGapMs)
    return judgeAnswer(hearing, [
      hit,
      demand(gapMs <= limitMs, `silent for ${gapMs} ms, at most ${Math.round(limitMs)}`),
    ])
  })
}

const killed: Scenario = {
  name: 'S17',
  title: 'Gateway killed in mid-answer',
  needs: 'clients that resume get every event once; no silence over 5 s beside asking again and a start',
  isScaled: false,
  play: async (bench) => {
    await using stage = await bench.open({
      pairs: { killed: { primary: slowly, fallback: answersWell } },
      settings: { workers: 2 },
    })
    await untilReady(stage, 2)
    const ofWorker = await killOneWorker(stage)
    await untilReady(stage, 2)
    return [ofWorker, await killEverything(stage)]
  },
}

async function killOneWorker(stage: Stage): Promise<Trial> {
  const { ends } = await beginCalls(stage)
  // Workers tell how many calls they have every second.
  await until('the workers to count their calls', async () => {
    const { workers = [] } = await readiness(stage)
    return workers.reduce((sum, { callsLive = 0 }) => sum + callsLive, 0) === killedCallers
  })
  const { workers = [] } = await readiness(stage)
  const busiest = workers.toSorted((a, b) => (b.callsLive ?? 0) - (a.callsLive ?? 0))[0]
  if (busiest) process.kill(busiest.pid, 'SIGKILL')
  const results = await ends
  return trialOfAll('worker killed', stage, 'killed', results, judgeKilled(results))
}

async function killEverything(stage: Stage): Promise<Trial> {
  const { ends } = await beginCalls(stage)
  const { gateway } = stage.subject
  const { workers = [] } = await readiness(stage)
  const killedAtMs = performance.now()
  const gone = gateway?.end('SIGKILL')
  for (const { pid } of workers) process.kill(pid, 'SIGKILL')
  await gone
  await stage.reopen()
  const awayMs = performance.now() - killedAtMs
  const results = await ends
  return trialOfAll('everything killed, then started again', stage, 'killed', results, judgeKilled(results, awayMs))
}

// S18: the client loses its link.

const lostLinks: Scenario = {
  name: 'S18',
  title: 'Client loses its connection and resumes',
  needs: 'every event once, one call to the provider',
  isScaled: false,
  play: async (bench) => {
    const forms = ['once', 'often', 'repeat-stream', 'repeat-whole'] as const
    const pair = { primary: { behaviour: () => ({ kind: 'answer', wordMs: 15 }) as Act }, fallback: answersWell }
    await using stage = await bench.open({ pairs: Object.fromEntries(forms.map((form) => [form, pair])) })
    const dropAt = (...counts: number[]) => {
      const left = [...counts]
      return (hearing: Hearing): 'leave' | undefined => {
        if (left[0] === undefined || hearing.pieceCount < left[0]) return undefined
        left.shift()
        return 'leave'
      }
    }
    const again = { 'idempotency-key': 'the-same-call' }
    const heard = await Promise.all([
      askOn(stage.calling('once', { isStream: true, onBytes: dropAt(15) }), { by: 'ray', waitMs: 200 }),
      askOn(stage.calling('often', { isStream: true, onBytes: dropAt(1, 5, 6, 30, 45, 59) }), {
        by: 'ray',
        waitMs: 20,
      }),
      askOn(stage.calling('repeat-stream', { isStream: true, onBytes: dropAt(15) }), { by: 'repeat', waitMs: 100 }),
      droppedWhole(stage, 'repeat-whole', again),
    ])
    return forms.map((form, i) => {
      const hearing = heard[i] as Hearing
      const { primary, fallback } = stage.pair(form)
      const callCount = primary.calls.length + fallback.calls.length
      const judgement = judgeAnswer(hearing, [
        demand(callCount === 1, `${callCount} calls to the provider`),
        demand(hearing.resumeCount > 0, 'the connection was never lost'),
      ])
      return trialOf(formWords[form], hearing, stage.pair(form), judgement)
    })
  },
}

const formWords = {
  once: 'lost once',
  often: 'lost six times',
  'repeat-stream': 'an SDK posts again',
  'repeat-whole': 'posted again with an Idempotency-Key, not streamed',
} as const

/** Not streamed, nothing has come when the link is lost: the first caller gives up, the second asks the same. */
async function droppedWhole(stage: Stage, pair: string, headers: Readonly<Record<string, string>>): Promise<Hearing> {
  await stage.ask(pair, { isStream: false, headers, patienceMs: 300 })
  const hearing = await stage.ask(pair, { isStream: false, headers: { ...headers, 'x-stainless-retry-count': '1' } })
  hearing.resumeCount = 1
  return hearing
}

// S19: more calls than can be served.

const placeCount = 4
const callsAtOnce = 60
const deadlineMs = 6000
/** For 120 callers in one process to hear of it, on a machine that has other work. */
const graceMs = 9000

const overload: Scenario = {
  name: 'S19',
  title: `Overload: ${2 * callsAtOnce} calls at once for ${4 * placeCount} places, with deadlines`,
  needs: 'each whole, or refused in time with a typed error and Retry-After',
  isScaled: false,
  play: async (bench) => {
    const behaviour = (): Act => ({ kind: 'answer', wordMs: 10 })
    const refusing: BackEndOptions = { behaviour, places: { count: placeCount, beyond: 'refuse' } }
    const queueing: BackEndOptions = { behaviour, places: { count: placeCount, beyond: 'wait' } }
    await using stage = await bench.open({
      pairs: {
        refusing: { primary: refusing, fallback: refusing },
        queueing: { primary: queueing, fallback: queueing },
      },
      // Some must be turned away at the door as well.
      settings: { timeouts: { totalMs: deadlineMs }, limits: { callsLiveMax: callsAtOnce + callsAtOnce / 2 } },
    })
    const trials = ['refusing', 'queueing'].map(async (pair) => {
      const calls = Array.from({ length: callsAtOnce }, (_, i) => stage.ask(pair, { isStream: i % 2 === 0 }))
      const heard = await Promise.all(calls)
      const wholeCount = heard.filter(({ text }) => text === answerText).length
      const isUsed = demand(wholeCount >= placeCount, `only ${wholeCount} of ${callsAtOnce} were answered`)
      const judgements = heard.map((hearing) =>
        judgeUnderLoad(hearing, [within(hearing, deadlineMs + graceMs), isUsed]),
      )
      return trialOfAll(pair, stage, pair, heard, judgements)
    })
    return await Promise.all(trials)
  },
}

// S20: the gateway is restarted under load.

const rolling: Scenario = {
  name: 'S20',
  title: 'Rolling restart under load, twice',
  needs: 'no connection refused, no answer cut',
  isScaled: false,
  play: async (bench) => {
    await using stage = await bench.open({
      pairs: {
        short: { primary: { behaviour: () => ({ kind: 'answer', wordMs: 2 }) }, fallback: answersWell },
        long: { primary: slowly, fallback: answersWell },
      },
      settings: { workers: 2 },
    })
    await untilReady(stage, 2)
    let isOver = false
    const short: Hearing[] = []
    using agent = keptConnections()
    const callOn = async (number: number): Promise<void> => {
      for (let i = 0; !isOver; i++)
        short.push(await stage.ask('short', { isStream: i % 2 === 0, ...(number === 0 && { agent: agent.agent }) }))
    }
    const callers = Array.from({ length: 5 }, (_, number) => callOn(number))
    const long: Promise<Hearing>[] = []
    const askLong = (): void => {
      for (let i = 0; i < 6; i++) long.push(stage.ask('long', { isStream: i % 3 !== 0 }))
    }
    try {
      for (const restart of [bySignal, byCommand]) {
        askLong()
        await sleep(500)
        await restart(stage)
      }
      askLong()
    } finally {
      isOver = true
    }
    await Promise.all(callers)
    const heardLong = await Promise.all(long)
    const judge = (heard: readonly Hearing[]): Judgement[] => heard.map((hearing) => judgeAnswer(hearing, []))
    return [
      trialOfAll(`${short.length} short calls`, stage, 'short', short, judge(short)),
      trialOfAll(`${heardLong.length} long answers`, stage, 'long', heardLong, judge(heardLong)),
    ]
  },
}

function keptConnections(): { agent: Agent } & Disposable {
  const agent = new Agent({ keepAlive: true })
  return { agent, [Symbol.dispose]: () => agent.destroy() }
}

async function bySignal(stage: Stage): Promise<void> {
  const { generation = 0 } = await readiness(stage)
  process.kill(stage.subject.gateway?.pid ?? 0, 'SIGUSR2')
  await until('new workers', async () => ((await readiness(stage)).generation ?? 0) > generation)
}

async function byCommand(stage: Stage): Promise<void> {
  const child = spawn(process.execPath, [main, 'restart', '--state', stage.stateDir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [words, [code]] = await Promise.all([readText(child.stderr), once(child, 'exit') as Promise<[number | null]>])
  if (code !== 0) throw new Error(`holdfast restart ended with ${code}: ${words}`)
}

// S21: clients that read slowly.

const slowCallers = 4
const pieceLines = 100
/** One byte a character, for the sake of the test's own memory. */
const plainLine = answerText.replaceAll(/[^\x20-\xff]/g, '')
const longPieces = Array.from({ length: 1400 }, (_, i) => `${i}. ${`${plainLine}\n`.repeat(pieceLines)}`)
const slowBytesPerSecond = 1024
const slowMs = 25_000
/** All slow answers together are larger by far. */
const memoryGrowthMaxMib = 128

const slowClients: Scenario = {
  name: 'S21',
  title: 'Slow clients: 1 KiB/s for 25 s',
  needs: `they get everything, others are not slowed, memory grows by less than ${memoryGrowthMaxMib} MiB`,
  isScaled: true,
  isAlone: true,
  play: async (bench) => {
    await using stage = await bench.open({
      pairs: {
        long: {
          primary: { behaviour: () => ({ kind: 'answer', pieces: longPieces, wordMs: 1 }) },
          fallback: answersWell,
        },
        short: { primary: answersWell, fallback: answersWell },
      },
    })
    const before = await shortCalls(stage, 10)
    const memoryBefore = memoryMib(stage)
    let isSlow = true
    const slowly = async (_: Hearing, bytes: number): Promise<void> => {
      const dueMs = performance.now() + (1000 * bytes) / slowBytesPerSecond
      while (isSlow && performance.now() < dueMs) await sleep(50)
    }
    const ends = Promise.all(
      Array.from({ length: slowCallers }, () =>
        stage.ask('long', { isStream: true, patienceMs: 120_000, onBytes: slowly }),
      ),
    )
    let memoryMost = 0
    const meanwhile: Hearing[] = []
    const untilMs = performance.now() + slowMs / bench.factor
    while (performance.now() < untilMs) {
      meanwhile.push(...(await shortCalls(stage, 1)))
      memoryMost = Math.max(memoryMost, memoryMib(stage))
    }
    // From here on this process reads at full speed; the provider, which lives in it, must not fall silent over that.
    const { calls } = stage.pair('long').primary
    const isSaid = async (): Promise<boolean> => calls.every(({ wordCount }) => wordCount === longPieces.length)
    await until('the provider to have said everything', isSaid, 60_000)
    isSlow = false
    const heard = await ends
    return judgeSlow(stage, { before, meanwhile, heard, growthMib: memoryMost - memoryBefore })
  },
}

async function shortCalls(stage: Stage, count: number): Promise<Hearing[]> {
  const heard: Hearing[] = []
  for (let i = 0; i < count; i++) heard.push(await stage.ask('short', { isStream: true }))
  return heard
}

interface SlowFacts {
  readonly before: readonly Hearing[]
  readonly meanwhile: readonly Hearing[]
  readonly heard: readonly Hearing[]
  readonly growthMib: number
}

function judgeSlow(stage: Stage, { before, meanwhile, heard, growthMib }: SlowFacts): Trial[] {
  const [usualMs, nowMs] = [medianMs(before), medianMs(meanwhile)]
  const isQuick = demand(nowMs <= 2 * usualMs + 500, `others take ${nowMs} ms instead of ${usualMs} ms`)
  const isBounded = demand(growthMib < memoryGrowthMaxMib, `memory grew by ${Math.round(growthMib)} MiB`)
  const expected = longPieces.join('')
  const sizeMib = Math.round(Buffer.byteLength(expected) / 2 ** 20)
  const slow = heard.map((hearing) => judgeAnswer(hearing, [isBounded], expected))
  const quick = meanwhile.map((hearing) => judgeAnswer(hearing, [isQuick]))
  return [
    trialOfAll(
      `${slowCallers} slow readers of ${sizeMib} MiB, ${Math.round(growthMib)} MiB held`,
      stage,
      'long',
      heard,
      slow,
    ),
    trialOfAll(`${meanwhile.length} others`, stage, 'short', meanwhile, quick),
  ]
}

function medianMs(heard: readonly Hearing[]): number {
  const sorted = heard.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
}

/** Resident memory of the gateway's process. */
function memoryMib(stage: Stage): number {
  const { gateway } = stage.subject
  if (!gateway) return 0
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(gateway.pid)], { encoding: 'utf8' })) / 1024
}

export const gatewayScenarios: readonly Scenario[] = [killed, lostLinks, overload, rolling, slowClients]
