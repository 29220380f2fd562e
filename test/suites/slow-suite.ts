/**
 * `npm run suites -- slow`: 1,000 slow connections in four ways: headers that never end, bodies that drip, many ranges,
 * answers that are read by the byte. Once by slowhttptest (Debian's package), which has one address, and once from as
 * many addresses; limits by address hold as for the public. A healthy caller asks all the while.
 *
 * His p99 is set against the one right before and after, over several rounds, for a machine has moods. Two columns more
 * say whose the rest is: the same attack on a server that does nothing, and how much processor time single turns of the
 * gateway's own event loops took.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Program } from '../../bench/peer/debian-program.ts'
import { findProgram } from '../alerts/debian.ts'
import { type Health, HealthyCaller } from './healthy-caller.ts'
import { type SlowOrder, type SlowTold, type SlowWay, slowWays } from './slow-thread.ts'
import { Subject } from './subject.ts'
import { Tarpit } from './tarpit.ts'

const connections = 1000
const perSecond = 500
const attackS = 16
/** What the end of an attack brings is part of it. */
const tailMs = 2000
const settleMs = 2000
const baseMs = 6000
const timesMax = 2
const memoryMibMax = 400
const fileBytes = 2 ** 20
const healthyAddress = '127.0.9.1'

export interface SlowSuiteOptions {
  readonly rounds: number
  /** Ways; empty for all. */
  readonly only: readonly string[]
  /** Whether each attack is also played on a server that does nothing. */
  readonly control: boolean
}

interface Attackers {
  readonly name: string
  attack(way: SlowWay, port: number): Promise<string>
}

interface Round {
  readonly times: number
  readonly controlTimes: number | null
  readonly turnMs: number
  readonly memoryMib: number
  readonly failed: number
}

/** @returns whether the bar is reached */
export async function runSlowSuite({ rounds, only, control }: SlowSuiteOptions): Promise<boolean> {
  const program = findProgram('slowhttptest', 'usr/bin/slowhttptest')
  if (typeof program === 'string') say(`without slowhttptest: ${program}`)
  const file = Buffer.alloc(fileBytes, 'a line of a large file\n')
  await using subject = await Subject.open({ guard: { exempt: [healthyAddress] } }, { files: { 'large.txt': file } })
  await using tarpit = control ? await Tarpit.open(file) : null
  const caller = new HealthyCaller({ port: subject.port, from: healthyAddress, lanes: 4, everyMs: 25 })
  const all = [...(typeof program === 'string' ? [] : [oneAddress(program)]), manyAddresses]
  let isGood = true
  for (const way of slowWays) {
    if (only.length > 0 && !only.includes(way)) continue
    for (const attackers of all) {
      const told: Round[] = []
      for (let i = 0; i < rounds; i++) told.push(await playRound({ subject, tarpit, caller, attackers, way }))
      const times = median(told.map((round) => round.times))
      const memory = Math.max(...told.map(({ memoryMib }) => memoryMib))
      const failed = told.reduce((sum, round) => sum + round.failed, 0)
      const turn = median(told.map(({ turnMs }) => turnMs))
      const controls = tarpit ? `, on a server that does nothing × ${controlWords(told)}` : ''
      const isReached = failed === 0 && times < timesMax && memory <= memoryMibMax
      say(
        `${way}, ${attackers.name}: p99 × ${times.toFixed(2)} (median of ${rounds}${controls}), longest turn ${turn.toFixed(0)} ms of CPU, ${memory.toFixed(0)} MiB, ${failed} failed: ${isReached ? 'reached' : 'MISSED'}`,
      )
      isGood &&= isReached
    }
  }
  await caller.end()
  return isGood
}

const controlWords = (rounds: readonly Round[]): string =>
  median(rounds.map((round) => round.controlTimes ?? 0)).toFixed(2)

interface Play {
  readonly subject: Subject
  readonly tarpit: Tarpit | null
  readonly caller: HealthyCaller
  readonly attackers: Attackers
  readonly way: SlowWay
}

async function playRound({ subject, tarpit, caller, attackers, way }: Play): Promise<Round> {
  const rest = async (): Promise<Health> => {
    await sleep(settleMs)
    await caller.tell()
    await sleep(baseMs)
    return caller.tell()
  }
  const under = async (port: number): Promise<[Health, string]> => {
    subject.takeTurns()
    const words = await attackers.attack(way, port)
    await sleep(tailMs)
    return [await caller.tell(), words]
  }
  const before = await rest()
  const [during, words] = await under(subject.port)
  const turnMs = subject.takeTurns()
  const memoryMib = subject.memoryMib()
  const after = await rest()
  const controlled = tarpit ? (await under(tarpit.port))[0] : null
  const baseP99Ms = (before.p99Ms + after.p99Ms) / 2
  say(
    `  ${way}, ${attackers.name}: ${during.calls} calls, p50 ${ms(during.p50Ms)} (${ms(before.p50Ms)} before, ${ms(after.p50Ms)} after), p99 ${ms(during.p99Ms)} (${ms(before.p99Ms)}, ${ms(after.p99Ms)}${controlled ? `; control ${ms(controlled.p99Ms)}` : ''}); ${words}`,
  )
  for (const each of during.failures.slice(0, 3)) say(`    ${each}`)
  return {
    times: during.p99Ms / baseP99Ms,
    controlTimes: controlled && controlled.p99Ms / baseP99Ms,
    turnMs,
    memoryMib,
    failed: during.failures.length,
  }
}

/** A target that has what each way is about: only a body is for a call. */
const pathOf = (way: SlowWay): string => (way === 'bodies' ? '/v1/chat/completions' : '/large.txt')

const flags: Record<SlowWay, readonly string[]> = {
  headers: ['-H', '-i', '2', '-t', 'GET', '-x', '24'],
  bodies: ['-B', '-i', '2', '-t', 'POST', '-s', '8192', '-x', '10'],
  ranges: ['-R', '-t', 'HEAD', '-a', '10', '-b', '3000'],
  reading: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3'],
}

const oneAddress = (program: Program): Attackers => ({
  name: 'slowhttptest',
  attack: async (way, port) => {
    const shared = ['-c', String(connections), '-r', String(perSecond), '-l', String(attackS), '-p', '3', '-u']
    const args = [...flags[way], ...shared, `http://127.0.0.1:${port}${pathOf(way)}`]
    const env = { ...process.env, ...program.env }
    const child = spawn(program.command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += String(bytes)))
    await once(child, 'close')
    return wordsOf(output)
  },
})

const manyAddresses: Attackers = {
  name: `${connections} addresses`,
  attack: async (way, port) => {
    const order: SlowOrder = { port, way, connections, perSecond, path: pathOf(way) }
    const thread = new Worker(new URL('slow-thread.ts', import.meta.url), { workerData: order })
    await sleep(attackS * 1000)
    const told = once(thread, 'message')
    thread.postMessage('tell', [])
    const { connected, open, openMost, answers } = ((await told) as [SlowTold])[0]
    await thread.terminate()
    return `${connected} connected, at most ${openMost} open, ${open} at the end; answered: ${JSON.stringify(answers)}`
  },
}

/** The most that slowhttptest counted, and how it ended. */
function wordsOf(output: string): string {
  const stripped = stripVTControlCharacters(output)
  const most = (name: string): number =>
    Math.max(0, ...[...stripped.matchAll(new RegExp(`${name}: +(\\d+)`, 'g'))].map(([, count]) => Number(count)))
  const end = /Exit status: +([^\n]+)/.exec(stripped)?.[1]?.trim() ?? 'unknown'
  const when = /Test ended on (\d+)/.exec(stripped)?.[1] ?? '?'
  return `at most ${most('connected')} connected, ${most('closed')} closed; ended after ${when} s: ${end}`
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = [sorted[middle - ((sorted.length + 1) % 2)], sorted[middle]]
  return (low + high) / 2
}

const ms = (value: number): string => `${value.toFixed(1)} ms`

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
