/**
 * The load of the overload bench, a process of its own: `node load.ts '<LoadOrder as JSON>'` prints a line of JSON for
 * each call (`CallRecord`) and one for its own CPU (`LoadEnd`).
 */
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../src/ground/random.ts'
import { ask, type Heard } from './ask.ts'
import type { CallRecord, Comeback, LoadEnd, LoadOrder } from './record.ts'
import { type Arrival, arrivals, keyOf, promptOf } from './workload.ts'

/** Clients hang up so long after their deadline, so that the gateway can have the last word. */
const graceMs = 250
/** As often as the official SDKs do, which give each asking its whole time anew. */
const comebacksMax = 2

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder
const agent = new Agent({ keepAlive: true })
const ending = new AbortController()
const calls = arrivals(seededRandom(order.seed), order.callsPerSecond || Number.POSITIVE_INFINITY)
const beganMs = performance.now()
const endMs = beganMs + order.seconds * 1000
const pause = (ms: number): Promise<unknown> => sleep(ms, null, { signal: ending.signal }).catch(() => {})

/** Asks once, with a deadline counted from `fromMs`; what comes whole but behind it is late. */
async function askOnce(arrival: Arrival, fromMs: number): Promise<Heard> {
  const deadlineMs = fromMs + order.deadlineSeconds[arrival.tenant.tier] * 1000
  const leftMs = Math.max(1, deadlineMs - performance.now())
  const heard = await ask({
    url: order.urls[arrival.number % order.urls.length] ?? '',
    agent,
    key: keyOf(arrival.tenant.name),
    prompt: promptOf(arrival, order.seed),
    timeoutSeconds: order.tellsDeadline ? leftMs / 1000 : null,
    hangUpAtMs: deadlineMs + graceMs,
    signal: ending.signal,
  })
  return heard.outcome === 'good' && heard.endAtMs > deadlineMs
    ? { ...heard, outcome: 'late', code: 'too late' }
    : heard
}

/** Asks, and comes back when told to. */
async function run(arrival: Arrival, plannedMs: number): Promise<void> {
  const sentMs = performance.now()
  const first = await askOnce(arrival, plannedMs)
  const comebacks: Comeback[] = []
  let heard = first
  while (order.isReturning && heard.outcome === 'refused' && comebacks.length < comebacksMax) {
    const waitedMs = heard.retryAfterMs
    if (waitedMs === null) break
    await pause(waitedMs)
    heard = await askOnce(arrival, performance.now())
    if (heard.outcome !== 'unsettled') comebacks.push({ waitedMs, isIn: heard.outcome !== 'refused' })
  }
  const record: CallRecord = {
    tenant: arrival.tenant.name,
    tier: arrival.tenant.tier,
    atMs: plannedMs - beganMs,
    lagMs: sentMs - plannedMs,
    outcome: heard.outcome,
    code: heard.code,
    firstTokenMs: heard.firstTokenAtMs === null ? null : heard.firstTokenAtMs - beganMs,
    endMs: heard.endAtMs - beganMs,
    tokens: heard.tokens,
    refusedInMs: first.outcome === 'refused' ? first.endAtMs - sentMs : null,
    retryAfterMs: first.retryAfterMs,
    comebacks,
  }
  process.stdout.write(`${JSON.stringify(record)}\n`)
}

/** Each call at its moment, whatever has become of the others. */
async function openLoop(): Promise<void> {
  const underWay = new Set<Promise<void>>()
  for (const arrival of calls) {
    const plannedMs = beganMs + arrival.atMs
    if (plannedMs >= endMs) break
    const waitMs = plannedMs - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const call = run(arrival, plannedMs)
    underWay.add(call)
    void call.finally(() => underWay.delete(call))
  }
  await sleep(Math.max(0, endMs - performance.now()))
  ending.abort()
  await Promise.all(underWay)
}

async function closedLoop(): Promise<void> {
  const client = async (): Promise<void> => {
    while (!ending.signal.aborted) await run(calls.next().value, performance.now())
  }
  setTimeout(() => ending.abort(), order.seconds * 1000)
  await Promise.all(Array.from({ length: order.clients }, client))
}

await (order.callsPerSecond > 0 ? openLoop() : closedLoop())
const { user, system } = process.cpuUsage()
process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1000 } satisfies LoadEnd)}\n`)
agent.destroy()
