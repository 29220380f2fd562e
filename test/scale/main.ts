/**
 * `npm run scale:real`: a deployment of simulated model servers, each a process, is scaled by its load at a real
 * gateway: from nothing to one at the first call, more in a rush, fewer behind it, with answers that move, and back
 * to nothing. Prints times, replicas and calls; the exit code is 1 where an answer was cut.
 */
import { Command, flag, say, text } from '../../bench/command.ts'
import { type Part, perReplica, replicasMax, showDay } from './show-day.ts'

const usage = `usage: npm run scale:real -- [options]
  --step-ms N     a step of counting and deciding, which is a minute elsewhere; default 2000
  --idle-ms N     without a call until the last replica ends; default 6000
  --json          one line of JSON at the end`

async function main(): Promise<void> {
  const command = new Command(usage, { 'step-ms': text, 'idle-ms': text, json: flag })
  const stepMs = command.count('step-ms', 2000, 1000, 60_000)
  const idleMs = command.count('idle-ms', 6000, 1000, 600_000)
  const isJson = command.is('json')
  const print = (line: string): void => void (isJson || process.stdout.write(`${line}\n`))
  print(`0 to ${replicasMax} replicas, ${perReplica} calls at once each. Shortened for this: steps of ${stepMs} ms`)
  print('part                took replicas  wished  calls  why')
  const day = await showDay({ stepMs, idleMs, onPart: (part) => print(row(part)) })
  const { calls, notWhole, firstMs, moved, servingMax, scaled, left } = day
  const beganMs = scaled[0]?.atMs ?? 0
  for (const { atMs, from, to, why, evidence } of scaled)
    print(`${seconds(atMs - beganMs).padStart(8)}  ${from} → ${to}  ${why}: ${evidence}`)
  const cut = `${notWhole.length} not whole, ${moved} moved to another replica`
  print(`${calls} calls, ${cut}; at most ${servingMax} replicas; the first call took ${seconds(firstMs)}`)
  if (isJson) process.stdout.write(`${JSON.stringify(day)}\n`)
  for (const { verdict, code, detail } of notWhole.slice(0, 5)) say(`    ${verdict} ${code ?? ''} ${detail}`)
  if (left > 0) say(`${left} replicas were left behind`)
  if (notWhole.length > 0 || left > 0 || servingMax < 2) process.exitCode = 1
}

function row({ name, tookMs, serving, wished, calls, why }: Part): string {
  const cells = [seconds(tookMs).padStart(8), String(serving).padStart(8), String(wished).padStart(7)]
  return `${name.padEnd(16)} ${cells.join(' ')} ${String(calls).padStart(6)}  ${why}`
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

await main()
