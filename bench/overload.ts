/**
 * What does the gateway do when more is asked than its model servers can give? Offers half to four times their
 * capacity, open loop, and counts what was answered within its deadline: with the gateway's limits and without.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildServer } from '../lab/child.ts'
import { Command, flag, say, text } from './command.ts'
import { wordsOf } from './launch.ts'
import { describeMachine, machineTicks } from './machine.ts'
import { type Capacity, measureCapacity } from './overload/capacity.ts'
import { type Level, type OverloadReport, reportText } from './overload/report.ts'
import {
  type Gateway,
  type ModeName,
  modeNames,
  modes,
  runLoad,
  startEngines,
  startGateway,
  tokensMade,
} from './overload/scene.ts'
import { type LevelSpan, scoreLevel } from './overload/score.ts'
import { cpuTicks, endedChildrenTicks } from './process-tree.ts'
import { writeSection } from './report.ts'

const usage = `usage: npm run bench:overload -- [options]
  --quick          three levels, everything 2.5 times as fast, a minute
  --modes LIST     of ${modeNames.join(',')}; default off,adaptive
  --loads LIST     times the capacity; default 0.5,1,1.5,2,3,4
  --seconds N      of each level, default 32
  --returning      the refused come back when they are told to
  --on-disconnect  detach (the default, as the gateway's) or cancel: what becomes of calls whose client hung up
  --seed N         default 1
  --json FILE      everything measured, as JSON
  --write          put the report into bench/README.md`

interface Ask {
  readonly modes: readonly ModeName[]
  readonly loads: readonly number[]
  readonly span: LevelSpan
  readonly speed: number
  readonly seed: number
  readonly isReturning: boolean
  readonly onDisconnect: 'cancel' | 'detach'
  readonly json: string | undefined
  readonly isWriting: boolean
}

function readAsk(): Ask {
  const command = new Command(usage, {
    ...{ quick: flag, modes: text, loads: text, seconds: text, returning: flag },
    ...{ 'on-disconnect': text, seed: text, json: text, write: flag },
  })
  const isQuick = command.is('quick')
  const loads = (command.text('loads') ?? (isQuick ? '1,2,4' : '0.5,1,1.5,2,3,4')).split(',').map(Number)
  if (!loads.every((load) => load > 0 && load <= 10)) command.refuse('--loads are numbers up to 10')
  const speed = isQuick ? 2.5 : 1
  const seconds = command.number('seconds', isQuick ? 7 : 32, isQuick ? 3 : 8, 600)
  return {
    modes: command.listOf('modes', modeNames, ['off', 'adaptive']),
    loads,
    span: {
      settleSeconds: Math.round(seconds * 0.3),
      seconds,
      deadlineSeconds: { premium: 5 / speed, standard: 5 / speed, batch: isQuick ? 4 : 15 },
    },
    speed,
    seed: command.count('seed', 1, 0, 2 ** 31),
    isReturning: command.is('returning'),
    onDisconnect: command.oneOf('on-disconnect', ['detach', 'cancel'], 'detach'),
    json: command.text('json'),
    isWriting: command.is('write'),
  }
}

/** Waits until the engines make nothing any more. */
async function settle(engines: readonly ChildServer[]): Promise<void> {
  for (let turn = 0; turn < 50; turn++) {
    const before = await tokensMade(engines)
    await sleep(100)
    if ((await tokensMade(engines)) === before) return
  }
}

async function measureLevel(
  ask: Ask,
  gateway: Gateway,
  engines: readonly ChildServer[],
  offer: { load: number; callsPerSecond: number },
): Promise<Level> {
  const { span } = ask
  const enginePids = engines.map(({ pid }) => pid)
  const count = async () => ({
    made: await tokensMade(engines),
    gateway: cpuTicks(gateway.running.pids()),
    engines: cpuTicks(enginePids),
    held: await gateway.metric('holdfast_etas_total', 'held="yes"'),
    missed: await gateway.metric('holdfast_etas_total', 'held="no"'),
  })
  const before = await count()
  const { records, cpuMs } = await runLoad({
    urls: [gateway.url],
    seed: ask.seed * 1000 + Math.round(offer.load * 10),
    seconds: span.seconds,
    callsPerSecond: offer.callsPerSecond,
    clients: 0,
    deadlineSeconds: span.deadlineSeconds,
    tellsDeadline: modes[gateway.mode].tellsDeadline,
    isReturning: ask.isReturning,
  })
  const after = await count()
  const useful = records.filter(({ outcome }) => outcome === 'good' || outcome === 'unsettled')
  const usefulTokens = useful.reduce((sum, { tokens }) => sum + tokens, 0)
  const [held, missed] = [after.held - before.held, after.missed - before.missed]
  const coreShare = (ticks: number): number => ticks / 100 / span.seconds
  return {
    mode: gateway.mode,
    load: offer.load,
    score: scoreLevel(records, span),
    wastedShare: Math.max(0, 1 - usefulTokens / (after.made - before.made)),
    etas: held + missed === 0 ? null : { held, missed },
    cpu: {
      gateway: coreShare(after.gateway - before.gateway),
      engines: coreShare(after.engines - before.engines),
      load: cpuMs / 1000 / span.seconds,
    },
  }
}

function sayLevel(level: Level): void {
  const { score, cpu } = level
  const { premium, standard, batch } = score.heldShare
  const shares = [premium, standard, batch].map((value) => `${Math.round(value * 100)}`).join('/')
  const refused = Object.values(score.refused).reduce((sum, count) => sum + count, 0)
  const broken = Object.values(score.broken).reduce((sum, count) => sum + count, 0)
  say(
    `${level.mode.padEnd(8)} ${`${level.load}×`.padStart(4)}  ${score.goodPerSecond.toFixed(1).padStart(5)} in time/s of ` +
      `${score.offeredPerSecond.toFixed(1)}  premium/standard/batch ${shares} %  ${refused} refused, ${score.lateCount} late` +
      `${broken > 0 ? `, ${broken} BROKEN` : ''}  cpu ${Math.round(cpu.gateway * 100)}+${Math.round(cpu.engines * 100)}+${Math.round(cpu.load * 100)} %`,
  )
}

/** Each level with a gateway of its own: what one has left behind would be the next one's load. */
async function measureLevels(ask: Ask, engines: readonly ChildServer[], capacity: Capacity): Promise<Level[]> {
  const levels: Level[] = []
  for (const [at, load] of ask.loads.entries()) {
    // Whoever comes first at one level is the last at the next.
    for (const mode of at % 2 === 0 ? ask.modes : ask.modes.toReversed()) {
      const gateway = await startGateway(mode, ask.onDisconnect, engines)
      try {
        const level = await measureLevel(ask, gateway, engines, {
          load,
          callsPerSecond: load * capacity.callsPerSecond,
        })
        levels.push(level)
        sayLevel(level)
      } finally {
        await gateway.running.stop()
      }
      await settle(engines)
    }
  }
  return levels
}

async function run(ask: Ask, engines: readonly ChildServer[]): Promise<OverloadReport> {
  const machine = describeMachine()
  const pids = [process.pid, ...engines.map(({ pid }) => pid)]
  const ownTicks = (): number => cpuTicks(pids) + endedChildrenTicks()
  const [before, ownBefore] = [machineTicks(), ownTicks()]
  const capacity = await measureCapacity(
    engines.map(({ url }) => url),
    ask.seed,
    ask.speed,
  )
  say(`capacity: ${capacity.callsPerSecond.toFixed(1)} answers/s, ${capacity.tokensPerSecond.toFixed(0)} tokens/s`)
  const levels = await measureLevels(ask, engines, capacity)
  const after = machineTicks()
  const all = after.all - before.all
  const foreign = Math.max(0, after.busy - before.busy - (ownTicks() - ownBefore))
  const { span, speed, seed, isReturning, onDisconnect } = ask
  return {
    machine,
    seed,
    speed,
    isReturning,
    onDisconnect,
    span,
    capacity,
    levels,
    neighbourShare: foreign / all,
    stolenShare: (after.stolen - before.stolen) / all,
  }
}

async function main(ask: Ask): Promise<number> {
  const engines = await startEngines(ask.speed)
  try {
    const report = await run(ask, engines)
    const text = reportText(report)
    process.stdout.write(`\n${text}\n`)
    if (ask.json !== undefined) writeFileSync(ask.json, `${JSON.stringify(report, null, 2)}\n`)
    if (ask.isWriting) writeSection(ask.isReturning ? 'overload, returning' : 'overload', text)
    return report.levels.some(({ score }) => Object.keys(score.broken).length > 0) ? 1 : 0
  } finally {
    await Promise.all(engines.map((each) => each.stop()))
  }
}

const status = await main(readAsk()).catch((error: unknown) => {
  say(wordsOf(error))
  return 1
})
process.exit(status)
