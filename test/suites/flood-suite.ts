/**
 * `npm run suites -- flood`: floods from 1,000 addresses, each played twice: with the guards and without them. Whoever
 * means well asks all the while; how it went for them both times is printed side by side.
 *
 *     keys          calls with a key that is none, ten times what the gateway was measured to answer
 *     connections   connections that say nothing, more than the gateway takes; callers connect anew for each call
 *     pages         visits of an application beside the models, more than it can answer; a visitor of his own comes too
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ConfigInput } from '../../src/config.ts'
import type { FloodOrder, FloodTold } from './flood-thread.ts'
import { type Asking, HealthyCaller, type Health } from './healthy-caller.ts'
import { pageMs, PageApp, pagesAtOnce } from './page-app.ts'
import { Subject } from './subject.ts'

const addressCount = 1000
const times = 10
const floodMs = 15_000
const measureMs = 3000
const goodShareMin = 0.99
const key = 'sk-good-0123456789abcdef'
const body = '{"model":"m","messages":[{"role":"user","content":"flood"}]}'
export const badCall = [
  'POST /v1/chat/completions HTTP/1.1',
  'host: gateway',
  'content-type: application/json',
  'authorization: Bearer sk-nobody',
  `content-length: ${body.length}`,
  '',
  body,
].join('\r\n')
const visit = 'GET /page HTTP/1.1\r\nhost: gateway\r\n\r\n'
/** So many times what its application can answer. */
const pageTimes = 4

interface Scene {
  readonly name: string
  readonly config: Partial<ConfigInput>
  /** Who means well, by the words for him. */
  readonly callers: Readonly<Record<string, Omit<Asking, 'port'>>>
  /** Whether they are there before the flood, so that their addresses are known. */
  readonly areKnown: boolean
  readonly flood: (port: number) => Promise<Order>
}

const keyed = { key, lanes: 4, everyMs: 50 }
const keyedCallers = {
  'a keyed caller': { ...keyed, from: '127.0.9.1' },
  'a keyed caller at an address of the flood': { ...keyed, from: '127.0.1.7' },
}
const connectionsMax = 500

const scenes: readonly Scene[] = [
  {
    name: 'keys',
    config: {},
    callers: keyedCallers,
    areKnown: true,
    flood: async (port) => {
      const capacity = await measure(port)
      say(`  capacity: ${capacity.toFixed(0)} calls a second`)
      return { request: badCall, perSecond: times * capacity, connectionsMax: addressCount }
    },
  },
  {
    name: 'connections',
    config: { workers: 2, limits: { connectionsMax } },
    callers: { 'a keyed caller, from an address that is not known yet': { ...keyed, from: '127.0.9.1', isAnew: true } },
    areKnown: false,
    flood: async () => ({ request: '', perSecond: 1000, connectionsMax: 4 * connectionsMax }),
  },
  {
    name: 'pages',
    config: {},
    callers: {
      'a keyed caller': { ...keyed, from: '127.0.9.1' },
      'a visitor': { from: '127.0.9.2', lanes: 2, everyMs: 200, page: '/page' },
    },
    areKnown: true,
    flood: async () => ({
      request: visit,
      perSecond: (pageTimes * pagesAtOnce * 1000) / pageMs,
      connectionsMax: addressCount,
    }),
  },
]

/** @param only names of scenes; empty for all. @returns whether the bar is reached */
export async function runFloodSuite(only: readonly string[]): Promise<boolean> {
  let isGood = true
  await using app = await PageApp.open()
  for (const scene of scenes) {
    if (only.length > 0 && !only.includes(scene.name)) continue
    say(`${scene.name}:`)
    const withGuard = await play(scene, true, app.url, null)
    const without = await play(scene, false, app.url, withGuard.order)
    for (const [i, who] of Object.keys(scene.callers).entries()) {
      const [on, off] = [withGuard.healths[i], without.healths[i]]
      if (!on || !off) continue
      // Those without a key are told of; nothing is promised them.
      const isReached = goodShare(on) >= goodShareMin || scene.callers[who]?.key === undefined
      say(
        `  ${who}: ${wordsOf(on)}; without guards ${wordsOf(off)}: ${scene.callers[who]?.key === undefined ? 'not judged' : isReached ? 'reached' : 'MISSED'}`,
      )
      for (const each of on.failures.slice(0, 3)) say(`    ${each}`)
      isGood &&= isReached
    }
  }
  return isGood
}

type Order = Omit<FloodOrder, 'port' | 'addresses'>

/** `same`: the flood that there was with guards; it is to be the same without. */
async function play(
  { config, callers, areKnown, flood }: Scene,
  isOn: boolean,
  app: string,
  same: Order | null,
): Promise<{ healths: Health[]; order: Order }> {
  await using subject = await Subject.open({
    guard: isOn ? { exempt: ['127.0.0.1'], shield: { easeMs: 3000 } } : { enabled: false },
    keys: [{ name: 'good', key }],
    web: { routes: [{ app, cache: false }] },
    ...config,
  })
  const { port } = subject
  const order = same ?? (await flood(port))
  const cpuBefore = subject.cpuSeconds()
  const addresses = Array.from({ length: addressCount }, (_, i) => `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`)
  const healthy: HealthyCaller[] = []
  const come = (): void => {
    for (const asking of Object.values(callers)) healthy.push(new HealthyCaller({ ...asking, port }))
  }
  if (areKnown) {
    come()
    await sleep(measureMs)
  }
  const thread = new Worker(new URL('flood-thread.ts', import.meta.url), {
    workerData: { ...order, port, addresses } satisfies FloodOrder,
  })
  await sleep(measureMs)
  subject.takeTurns()
  if (!areKnown) come()
  else await Promise.all(healthy.map((caller) => caller.tell()))
  await sleep(floodMs)
  const told = once(thread, 'message')
  thread.postMessage('tell', [])
  const { offered, connections, open, answers } = ((await told) as [FloodTold])[0]
  const healths = await Promise.all(healthy.map((caller) => caller.end()))
  await thread.terminate()
  const perSecond = (1000 * offered) / (floodMs + measureMs)
  const cpu = subject.cpuSeconds() - cpuBefore
  say(
    `  ${isOn ? 'with guards' : 'without'}: ${perSecond.toFixed(0)} a second over ${connections} connections, ${open} of them open; answered ${JSON.stringify(answers)}; ${cpu.toFixed(1)} core-seconds, longest turn ${subject.takeTurns().toFixed(0)} ms of CPU, ${subject.memoryMib().toFixed(0)} MiB`,
  )
  for (const line of subject.gateway.lines)
    if (/shield/.test(String(line['msg']))) say(`    ${JSON.stringify(line).slice(0, 200)}`)
  return { healths, order }
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

/** Who asks in vain till the end has no call to count. */
const goodShare = ({ calls, failures }: Health): number => (calls === 0 ? 0 : 1 - failures.length / calls)

function wordsOf(health: Health): string {
  const share = (100 * goodShare(health)).toFixed(2)
  return `${health.calls} calls, ${share} % good, p50 ${health.p50Ms.toFixed(0)} ms, p99 ${health.p99Ms.toFixed(0)} ms`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
