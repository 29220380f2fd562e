/** What one choice costs in CPU of this process, by the number of upstreams: on this machine, this minute. */
import { readCall } from '../../src/dialect/read-call.ts'
import { balanceSchema, timeoutsSchema } from '../../src/fleet/pool-options.ts'
import type { Member } from '../../src/fleet/pool.ts'
import { Upstream } from '../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../src/fleet/upstream-options.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { type Ask, Balancer } from '../../src/relay/balance/balancer.ts'
import { promptChain } from '../../src/relay/balance/prompt-chain.ts'

const size = { promptTokens: 500, outputTokens: 250 }
const roundCount = 15
const none: ReadonlySet<Member> = new Set()

/** Microseconds of CPU for one run, the best of some rounds. */
function microseconds(times: number, run: (i: number) => void): number {
  let bestUs = Infinity
  for (let round = 0; round < roundCount; round++) {
    const began = process.cpuUsage()
    for (let i = 0; i < times; i++) run(i)
    const { user, system } = process.cpuUsage(began)
    bestUs = Math.min(bestUs, user + system)
  }
  return bestUs / times
}

function request(i: number, bytes: number): ReturnType<typeof readCall> {
  const content = `${'You are a helpful assistant. '.repeat(20)}${i} ${'And so on and on. '.repeat(bytes / 18)}`
  return readCall('chat', Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })), {})
}

function row(memberCount: number): string {
  const members = Array.from({ length: memberCount }, (_, i): Member => {
    const upstream = new Upstream(`u${i}`, upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, systemClock)
    for (let k = 1; k <= 20; k++) {
      upstream.speed('m').observeFirstToken(100 * k, 20 + 10 * k, 0)
      upstream.speed('m').observeGap(k, 15 + k)
    }
    return { upstream, model: null, weight: 1, priority: 0 }
  })
  const balancer = new Balancer({ clock: systemClock, random: seededRandom(1) })
  const pool = {
    name: 'all',
    members,
    timeouts: timeoutsSchema.parse({}),
    attemptsMax: 5,
    balance: balanceSchema.parse({}),
  }
  const target = { pool, upstreamModel: 'm', members }
  const calls = Array.from({ length: 200 }, (_, i) => request(i, 2048))
  const asking = (i: number, session: string | null): Ask =>
    balancer.ask({ target, size, call: calls[i % calls.length] as (typeof calls)[0], caller: '', session })
  const times = memberCount > 100 ? 300 : 3000
  const both = microseconds(times, (i) => {
    const ask = asking(i, null)
    ask.send(ask.choose(none) as Member)
  })
  const choice = microseconds(times, (i) => void asking(i, null).choose(none))
  const session = microseconds(times, (i) => void asking(i, `s${i}`).choose(none))
  return `| ${[memberCount, choice.toFixed(1), both.toFixed(1), session.toFixed(1)].join(' | ')} |`
}

export function costTable(): string {
  const chains = [2048, 65_536, 262_144].map((bytes) => {
    const { body } = request(1, bytes)
    return `${bytes / 1024} KiB ${microseconds(bytes > 9999 ? 200 : 3000, () => void promptChain(body, 'm')).toFixed(1)} µs`
  })
  return [
    '| upstreams | choice, µs | choice and note, µs | choice by session, µs |',
    '| ---: | ---: | ---: | ---: |',
    ...[2, 8, 64, 1000].map(row),
    '',
    `Each with a prompt of 2 KiB, its chain of hashes included. The chain alone: ${chains.join(', ')}.`,
  ].join('\n')
}
