/**
 * The storm: many streams at once while model servers and gateway workers are killed and clients drop and resume. Every
 * answer must arrive byte for byte, every event once.
 *
 *   node test/crash/storm.ts --streams 300 --seconds 30 --worker-kill-ms 5000 --drop-chance 0.01
 */
import { parseArgs } from 'node:util'
import { seededRandom } from '../../src/ground/random.ts'
import { freePort, type Gateway, startGateway, workerPids } from './gateway.ts'
import { Replicas } from './replicas.ts'
import { type Resumed, ResumingClient } from './resuming-client.ts'

export interface StormOptions {
  /** Streams at once. */
  readonly streams: number
  /** New answers are begun for so long. */
  readonly seconds: number
  /** Tokens of an answer, and tokens a second. */
  readonly tokens: number
  readonly rate: number
  /** 0 for never. */
  readonly upstreamKillMs: number
  readonly workerKillMs: number
  readonly dropChance: number
  readonly workers: number
  readonly journal: 'memory' | 'sqlite'
  readonly seed: number
}

export const stormDefaults: StormOptions = {
  streams: 300,
  seconds: 30,
  tokens: 80,
  rate: 20,
  upstreamKillMs: 2000,
  workerKillMs: 0,
  dropChance: 0,
  workers: 2,
  journal: 'sqlite',
  seed: 1,
}

export interface StormResult {
  readonly answers: number
  readonly whole: number
  readonly complaints: readonly string[]
  readonly upstreamKills: number
  readonly workerKills: number
  readonly resumes: number
  readonly longestGapMs: number
  readonly seams: number
  readonly adopted: number
}

/** Answers that went on behind a seam, and answers adopted, by the gateway's log. */
function countSeams({ lines }: Gateway): { seams: number; adopted: number } {
  const seams = lines.filter(({ seams: of }) => Array.isArray(of) && of.length > 0).length
  return { seams, adopted: lines.filter(({ msg }) => msg === 'answer adopted').length }
}

async function killWorker(gateway: Gateway, at: number): Promise<boolean> {
  const pids = await workerPids(gateway)
  // One must be left to take over.
  if (pids.length < 2) return false
  try {
    process.kill(pids[at % pids.length] as number, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

export async function storm(options: StormOptions, tell: (line: string) => void = () => {}): Promise<StormResult> {
  const { streams, seconds, tokens, rate, upstreamKillMs, workerKillMs, dropChance, workers, journal, seed } = options
  const killPeriodMs = upstreamKillMs || 1e9
  await using replicas = await Replicas.start({ count: 3, flags: { rate, slots: streams }, killPeriodMs })
  const upstreams = replicas.urls.flatMap((url) => ['--upstream', url])
  const port = String(await freePort())
  await using gateway = await startGateway(
    ...upstreams,
    '--workers',
    String(workers),
    '--journal',
    journal,
    '--port',
    port,
  )
  if (upstreamKillMs) replicas.beginKilling()
  let workerKills = 0
  const killer = workerKillMs
    ? setInterval(
        () => void killWorker(gateway, workerKills).then((isKilled) => (workerKills += isKilled ? 1 : 0)),
        workerKillMs,
      )
    : null
  const results: Resumed[] = []
  const endMs = performance.now() + seconds * 1000
  let number = 0
  const run = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const mine = number++
      const client = new ResumingClient({
        url: gateway.url,
        model: 'lab-model',
        prompt: `call ${mine} of seed ${seed} tokens:${tokens}`,
        random: seededRandom(seed * 100_003 + mine),
        dropChance,
        idempotencyKey: mine % 2 === 0 ? `key-${seed}-${mine}` : null,
        patienceMs: 30_000,
      })
      results.push(await client.run())
    }
  }
  const progress = setInterval(() => {
    const whole = results.filter(({ complaint }) => complaint === null).length
    tell(`${results.length} answers, ${whole} whole; ${replicas.killCount} upstreams and ${workerKills} workers killed`)
  }, 2000)
  await Promise.all(Array.from({ length: streams }, run))
  clearInterval(progress)
  if (killer) clearInterval(killer)
  const complaints = results.flatMap(({ complaint }) => (complaint === null ? [] : [complaint]))
  return {
    answers: results.length,
    whole: results.length - complaints.length,
    complaints,
    upstreamKills: replicas.killCount,
    workerKills,
    resumes: results.reduce((sum, { resumes }) => sum + resumes, 0),
    longestGapMs: Math.round(Math.max(0, ...results.map(({ longestGapMs }) => longestGapMs))),
    ...countSeams(gateway),
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string' },
      seconds: { type: 'string' },
      tokens: { type: 'string' },
      rate: { type: 'string' },
      'upstream-kill-ms': { type: 'string' },
      'worker-kill-ms': { type: 'string' },
      'drop-chance': { type: 'string' },
      workers: { type: 'string' },
      journal: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  const toNumber = (text: string | undefined, or: number): number => (text === undefined ? or : Number(text))
  const result = await storm(
    {
      streams: toNumber(values.streams, stormDefaults.streams),
      seconds: toNumber(values.seconds, stormDefaults.seconds),
      tokens: toNumber(values.tokens, stormDefaults.tokens),
      rate: toNumber(values.rate, stormDefaults.rate),
      upstreamKillMs: toNumber(values['upstream-kill-ms'], stormDefaults.upstreamKillMs),
      workerKillMs: toNumber(values['worker-kill-ms'], stormDefaults.workerKillMs),
      dropChance: toNumber(values['drop-chance'], stormDefaults.dropChance),
      workers: toNumber(values.workers, stormDefaults.workers),
      journal: values.journal === 'memory' ? 'memory' : 'sqlite',
      seed: toNumber(values.seed, stormDefaults.seed),
    },
    (line) => void (values.json || process.stderr.write(`${line}\n`)),
  )
  const { complaints, ...numbers } = result
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(numbers, null, 2)}\n`)
  for (const complaint of complaints.slice(0, 20)) process.stdout.write(`  ${complaint}\n`)
  process.exitCode = complaints.length === 0 && result.answers > 0 ? 0 : 1
}

if (import.meta.main) await main()
