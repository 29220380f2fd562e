/**
 * `npm run suites -- slow`: slowhttptest (Debian's package) with 1,000 connections in four ways: headers that never
 * end, bodies that drip, many ranges, answers that are read by the byte. They come from an address of no limit, so it
 * is the deadlines that hold. A healthy caller asks all the while.
 */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { findProgram } from '../alerts/debian.ts'
import { HealthyCaller } from './healthy-caller.ts'
import { Subject } from './subject.ts'

const connections = 1000
const attackS = 20
const settleMs = 2000
const baseMs = 8000
/** Below so much a p99 says more of the machine than of the gateway. */
const floorMs = 20
const timesMax = 2
const memoryMibMax = 400

const call = '/v1/chat/completions'
const modes: readonly (readonly [name: string, path: string, flags: readonly string[]])[] = [
  ['slow headers', '/v1/models', ['-H', '-i', '2', '-t', 'GET', '-x', '24']],
  ['slow bodies', call, ['-B', '-i', '2', '-t', 'POST', '-s', '8192', '-x', '10']],
  ['ranges', '/v1/models', ['-R', '-t', 'HEAD', '-a', '10', '-b', '3000']],
  ['slow reading', '/v1/models', ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3']],
]

/** @returns whether the bar is reached; true where the program cannot be had, which is said */
export async function runSlowSuite(): Promise<boolean> {
  const program = findProgram('slowhttptest', 'usr/bin/slowhttptest')
  if (typeof program === 'string') {
    say(`skipped: ${program}`)
    return true
  }
  await using subject = await Subject.open({})
  const caller = new HealthyCaller({ port: subject.port, from: '127.0.9.1', lanes: 4, everyMs: 25 })
  let isGood = true
  for (const [name, path, flags] of modes) {
    // Anew each time: the machine is not always as busy.
    await sleep(settleMs)
    await caller.tell()
    await sleep(baseMs)
    const base = await caller.tell()
    const shared = ['-c', String(connections), '-r', '500', '-l', String(attackS), '-p', '3', '-u']
    const args = [...flags, ...shared, `http://127.0.0.1:${subject.port}${path}`]
    const env = { ...process.env, ...program.env }
    const child = spawn(program.command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += String(bytes)))
    await new Promise((resolve) => child.once('close', resolve))
    const { calls, failures, p50Ms, p99Ms } = await caller.tell()
    const times = p99Ms / Math.max(floorMs, base.p99Ms)
    const memory = subject.memoryMib()
    say(
      `${name}: ${calls} calls, ${failures.length} failed, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (before: ${base.p99Ms.toFixed(1)} ms), ${memory.toFixed(0)} MiB; ${wordsOf(output)}`,
    )
    if (failures.length > 0 || times >= timesMax || memory > memoryMibMax) isGood = false
  }
  await caller.end()
  return isGood
}

/** The last of what slowhttptest counted. */
function wordsOf(output: string): string {
  const stripped = stripVTControlCharacters(output)
  const last = (name: string): string =>
    [...stripped.matchAll(new RegExp(`${name}: +(\\w+)`, 'g'))].at(-1)?.[1] ?? 'unknown'
  return ['connected', 'closed', 'error', 'service available'].map((name) => `${name} ${last(name)}`).join(', ')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
