/**
 * `npm run suites -- flood`: calls without a good key from 1,000 addresses, ten times what the gateway was measured to
 * answer; callers with a key ask all the while, one of them from the midst of the flood.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { FloodOrder, FloodTold } from './flood-thread.ts'
import { HealthyCaller, type Health } from './healthy-caller.ts'
import { Subject } from './subject.ts'

const addressCount = 1000
const times = 10
const floodMs = 20_000
const measureMs = 3000
const goodShareMin = 0.99
const key = 'sk-good-0123456789abcdef'

/** @returns whether the bar is reached */
export async function runFloodSuite(): Promise<boolean> {
  await using subject = await Subject.open({
    guard: { exempt: ['127.0.0.1'], shield: { easeMs: 3000 } },
    keys: [{ name: 'good', key }],
  })
  const { port } = subject
  const capacity = await measure(port)
  say(`capacity: ${capacity.toFixed(0)} calls a second`)
  const callers = ['127.0.9.1', '127.0.1.7'].map(
    (from) => new HealthyCaller({ port, from, key, lanes: 4, everyMs: 50 }),
  )
  await sleep(measureMs)
  print('before', await Promise.all(callers.map((caller) => caller.tell())))
  const cpuBefore = subject.cpuSeconds()
  const addresses = Array.from({ length: addressCount }, (_, i) => `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`)
  const order: FloodOrder = { port, addresses, perSecond: times * capacity }
  const flood = new Worker(new URL('flood-thread.ts', import.meta.url), { workerData: order })
  await sleep(floodMs)
  const told = once(flood, 'message')
  flood.postMessage('tell', [])
  const { offered, connections, answers } = ((await told) as [FloodTold])[0]
  const during = await Promise.all(callers.map((caller) => caller.tell()))
  await flood.terminate()
  const perSecond = (1000 * offered) / floodMs
  const cpu = subject.cpuSeconds() - cpuBefore
  const answered = JSON.stringify(answers)
  say(`flood: ${perSecond.toFixed(0)} calls a second, ${connections} connections; answered: ${answered}`)
  say(
    `the gateway used ${cpu.toFixed(1)} core-seconds in ${floodMs / 1000} s, memory ${subject.memoryMib().toFixed(0)} MiB`,
  )
  print('during', during)
  await sleep(2000)
  await Promise.all(callers.map((caller) => caller.tell()))
  await sleep(measureMs)
  print('after', await Promise.all(callers.map((caller) => caller.end())))
  for (const line of subject.gateway.lines) if (/shield/.test(String(line['msg']))) say(`  ${JSON.stringify(line)}`)
  const isLarge = perSecond >= 0.95 * times * capacity
  if (!isLarge) say('the flood was too small to show anything')
  return isLarge && during.every((health) => goodShare(health) >= goodShareMin)
}

/** Calls a second that many callers get who each wait for their answer; with a key, from an address of no limit. */
async function measure(port: number): Promise<number> {
  const crowd = new HealthyCaller({ port, from: '127.0.0.1', key, lanes: 48, everyMs: 0 })
  await sleep(measureMs)
  await crowd.tell()
  await sleep(measureMs)
  const { calls } = await crowd.end()
  return (1000 * calls) / measureMs
}

const goodShare = ({ calls, failures }: Health): number => (calls === 0 ? 0 : 1 - failures.length / calls)

function print(when: string, healths: readonly Health[]): void {
  for (const [i, health] of healths.entries()) {
    const who = i === 0 ? 'a keyed caller' : 'a keyed caller at an address of the flood'
    const { calls, failures, p50Ms, p99Ms } = health
    const share = (100 * goodShare(health)).toFixed(2)
    say(`${when}: ${who}: ${calls} calls, ${share} % good, p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`)
    for (const each of failures.slice(0, 3)) say(`  ${each}`)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
