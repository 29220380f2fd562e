/**
 * Does a gateway stay well over a long time of trouble? Half an hour at 70 % of what three simulated engines can give,
 * while one of them is killed every 20 s, answers are cut, stall and are refused, and clients drop, walk away and come
 * back. At the end: no accepted answer lost or wrong, and nothing that the gateway holds grows.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultOrder } from '../lab/fault-plan.ts'
import { openFaultProxy } from '../lab/fault-proxy.ts'
import { Replicas } from '../test/crash/replicas.ts'
import { Command, say, text } from './command.ts'
import { wordsOf } from './launch.ts'
import { measureCapacity } from './overload/capacity.ts'
import { engine, engineCount } from './overload/scene.ts'
import { startHoldfast } from './peer/holdfast.ts'
import { Clients, type SoakTally } from './soak/clients.ts'
import { type Held, judgeHeld, sampleHeld, type SeriesVerdict } from './soak/held.ts'

/** For each call on an engine. */
const faults: readonly (FaultOrder & { readonly probability: number })[] = [
  { kind: 'cut', probability: 0.02, afterTokens: 8 },
  { kind: 'truncate', probability: 0.01, afterTokens: 12 },
  { kind: 'error-event', probability: 0.01, afterTokens: 4 },
  { kind: 'stall', probability: 0.005, afterTokens: 6 },
  { kind: '503', probability: 0.02, retryAfterMs: 500 },
  { kind: '500', probability: 0.01 },
]

const usage = `usage: npm run bench:soak -- [options]
  --minutes N      default 30
  --load SHARE     of the capacity, default 0.7
  --kill-ms N      between two kills of an engine, default 20000; 0 for none
  --faults SHARE   of the usual frequency, default 1; 0 for none
  --kinds LIST     only these faults, of ${faults.map(({ kind }) => kind).join(',')}
  --limits NAME    of the gateway: adaptive (the default), fixed or off
  --journal NAME   sqlite (two workers, the default) or memory (one)
  --seed N         default 1
  --json FILE      all samples, as JSON`

/** So small that it is full before the measuring begins: what it holds is its work and no leak. */
const journalBytesMax = 16 * 2 ** 20
/** Before a sample the collector has run, so that what is counted is held and not only not yet thrown away. */
const sampleMs = 5000
/** For each connection; an engine speaks about 11 KB of events a second. */
const slowBytesPerSecond = 8 * 1024

function readAsk() {
  const command = new Command(usage, {
    ...{ minutes: text, load: text, 'kill-ms': text, faults: text, kinds: text },
    ...{ limits: text, journal: text, seed: text, json: text },
  })
  const killMs = command.number('kill-ms', 20_000, 0, 86_400_000)
  if (killMs !== 0 && killMs < 2000) command.refuse('--kill-ms: 0, or from 2000')
  const kinds = faults.map(({ kind }) => kind)
  return {
    minutes: command.number('minutes', 30, 3, 1440),
    load: command.number('load', 0.7, 0.01, 1),
    killMs,
    faultShare: command.number('faults', 1, 0, 10),
    kinds: command.listOf('kinds', kinds, kinds),
    limits: command.oneOf('limits', ['adaptive', 'fixed', 'off'], 'adaptive'),
    journal: command.oneOf('journal', ['sqlite', 'memory'], 'sqlite'),
    seed: command.count('seed', 1, 0, 2 ** 31),
    json: command.text('json'),
  } as const
}

type Ask = ReturnType<typeof readAsk>

function startGateway(ask: Ask, replicas: Replicas) {
  const upstreams = Object.fromEntries(replicas.urls.map((url, at) => [`engine-${at + 1}`, { url }]))
  const collector = join(import.meta.dirname, 'node', 'collect.mjs')
  return startHoldfast({
    name: 'soak',
    port: 0,
    adminPort: 0,
    journal: ask.journal,
    journalBytesMax,
    settings: {
      upstreams,
      workers: ask.journal === 'sqlite' ? 2 : 1,
      overload: { limits: ask.limits, callsMax: engine.slots },
    },
    nodeOptions: `--expose-gc --import file://${collector}?ms=${sampleMs - 1000}`,
  })
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`
const unitOf = (name: SeriesVerdict['name']): ((value: number) => string) =>
  name === 'heapBytes' || name === 'residentBytes' ? megabytes : (value) => value.toFixed(1)

function sayProgress(held: Held, tally: SoakTally, openCount: number, kills: number): void {
  say(
    `${held.atSeconds.toFixed(0).padStart(5)} s  ${tally.calls} calls, ${tally.whole} whole, ${openCount} open, ${tally.refused} refused, ` +
      `${tally.complaints.length} LOST  ${kills} kills  heap ${megabytes(held.heapBytes)} rss ${megabytes(held.residentBytes)} ` +
      `fds ${held.descriptors} timers ${held.timers} journal ${megabytes(held.journalBytes)}`,
  )
}

function sayVerdicts(verdicts: readonly SeriesVerdict[]): void {
  for (const { name, isGrowing, median, slope, growth, chance, bins } of verdicts) {
    const show = unitOf(name)
    process.stdout.write(
      `${name}: ${isGrowing ? 'GROWS' : 'no growth'}; median ${show(median)}, slope ${show(slope * 3600)}/h ` +
        `(${show(growth)} over ${bins} floors), p = ${chance.toFixed(4)}\n`,
    )
  }
}

async function measureCapacityAlone(seed: number): Promise<number> {
  await using engines = await Replicas.start({ count: engineCount, flags: engine, killPeriodMs: 1e9 })
  const urls = engines.urls.map((url) => url.replace(/\/v1$/, ''))
  return (await measureCapacity(urls, seed, 1)).callsPerSecond
}

/** True when all is well. */
async function soak(ask: Ask): Promise<boolean> {
  const callsPerSecond = ask.load * (await measureCapacityAlone(ask.seed))
  say(`${callsPerSecond.toFixed(1)} calls/s are ${ask.load * 100} % of the capacity`)
  const ordered = faults.map((order) => ({ ...order, probability: Math.min(1, order.probability * ask.faultShare) }))
  await using replicas = await Replicas.start({
    count: engineCount,
    flags: engine,
    killPeriodMs: ask.killMs,
    faults: ordered.filter(({ kind, probability }) => ask.kinds.includes(kind) && probability > 0),
  })
  const gateway = await startGateway(ask, replicas)
  await using link = await openFaultProxy({ target: gateway.url })
  link.add({ kind: 'bandwidth', direction: 'down', bytesPerSecond: slowBytesPerSecond })
  const seconds = ask.minutes * 60
  const clients = new Clients({
    url: gateway.url,
    slowUrl: link.url,
    callsPerSecond,
    seconds,
    seed: ask.seed,
  })
  const samples: Held[] = []
  try {
    if (ask.killMs > 0) replicas.beginKilling()
    const beganMs = performance.now()
    const work = clients.run()
    for (let at = 1; at * sampleMs <= seconds * 1000; at++) {
      await sleep(Math.max(0, beganMs + at * sampleMs - performance.now()))
      const held = await sampleHeld(gateway.adminUrl, gateway.pids(), (at * sampleMs) / 1000)
      if (held === null) continue
      samples.push(held)
      if (at % 6 === 0) sayProgress(held, clients.tally, clients.openCount, replicas.killCount)
    }
    await work
  } finally {
    await gateway.stop()
  }
  if (ask.json !== undefined) writeFileSync(ask.json, `${JSON.stringify({ tally: clients.tally, samples })}\n`)
  // A third is warm-up.
  const verdicts = judgeHeld(samples.slice(Math.ceil(samples.length / 3)))
  const { calls, whole, refused, skipped, resumes, longestGapMs, complaints } = clients.tally
  process.stdout.write(
    `\n${ask.minutes} minutes, ${calls} calls: ${whole} whole, ${refused} refused, ${complaints.length} lost, ${skipped} not asked; ` +
      `${replicas.killCount} engines killed, ${resumes} resumes, longest gap between two events ${(longestGapMs / 1000).toFixed(1)} s\n`,
  )
  for (const words of complaints.slice(0, 20)) process.stdout.write(`  ${words}\n`)
  sayVerdicts(verdicts)
  return complaints.length === 0 && skipped === 0 && whole > 0 && verdicts.every(({ isGrowing }) => !isGrowing)
}

const isWell = await soak(readAsk()).catch((error: unknown) => {
  say(wordsOf(error))
  return false
})
process.exit(isWell ? 0 : 1)
