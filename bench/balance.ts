/**
 * What does the choice of an upstream do? A trace of conversations is sent to simulated replicas, chosen in several
 * ways, among them the production code: how much of the prompts was in the cache, how evenly the load lies, how long
 * the first token took. And what one choice costs, by the number of upstreams.
 * Simulated time: nothing depends on the machine but the last table.
 */
import { existsSync } from 'node:fs'
import { CallSizes } from '../src/fleet/call-size.ts'
import type { Member } from '../src/fleet/pool.ts'
import { Upstream } from '../src/fleet/upstream.ts'
import { upstreamSchema } from '../src/fleet/upstream-options.ts'
import { ManualClock } from '../src/ground/manual-clock.ts'
import { seededRandom } from '../src/ground/random.ts'
import { Command, say, text } from './command.ts'
import { costTable } from './balance/choice-cost.ts'
import { policies, type PolicyKind, requestBytes } from './balance/policy.ts'
import { Replica, type ReplicaTraits } from './balance/replica.ts'
import { blockTokens, drawTrace, readTrace, type TraceCall } from './balance/trace.ts'
import { quantile } from './statistics.ts'

const usage = `usage: node bench/balance.ts [options]
  --trace FILE        such as mooncake-conversation.jsonl.gz; without, one is drawn
  --replicas N        default 8
  --cache-blocks N    that each replica keeps, default 5000
  --read-rate N       tokens of a prompt a second, default 8000
  --speed N           how many times faster than in the trace calls arrive, default 1
  --seed N            default 1`

interface Ask {
  readonly trace: string | undefined
  readonly replicaCount: number
  readonly traits: ReplicaTraits
  /** How many times faster than in the trace calls arrive. */
  readonly speed: number
  readonly seed: number
}

interface Result {
  readonly name: string
  /** Share of the prompt blocks found in a cache. */
  readonly reuse: number
  /** Calls of the busiest replica, and tokens that it read, in parts of the mean. */
  readonly busiestCalls: number
  readonly busiestTokens: number
  readonly firstTokenMs: readonly number[]
  readonly callCounts: readonly number[]
  readonly reasons: string
}

const tell = (words: string): void => void process.stdout.write(`${words}\n`)

function readAsk(): Ask {
  const command = new Command(usage, {
    ...{ trace: text, replicas: text, 'cache-blocks': text },
    ...{ 'read-rate': text, speed: text, seed: text },
  })
  return {
    trace: command.text('trace'),
    replicaCount: command.count('replicas', 8, 1, 1000),
    traits: {
      readRate: command.number('read-rate', 8000, 1, 1e7),
      gapMs: 15,
      gapMsPerCall: 0.25,
      cacheBlocks: command.count('cache-blocks', 5000, 1, 1e6),
    },
    speed: command.number('speed', 1, 0.001, 1000),
    seed: command.count('seed', 1, 0, 2 ** 31),
  }
}

function traceOf({ trace, seed }: Ask): TraceCall[] {
  if (trace !== undefined && existsSync(trace)) return readTrace(trace)
  if (trace !== undefined) say(`${trace} is not there: a drawn trace is used instead.`)
  return drawTrace(seededRandom(seed))
}

function simulate(kind: PolicyKind, calls: readonly TraceCall[], { replicaCount, traits, speed, seed }: Ask): Result {
  const clock = new ManualClock()
  const replicas = Array.from({ length: replicaCount }, (_, i) => {
    const upstream = new Upstream(`r${i}`, upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, clock)
    return new Replica(upstream, clock, traits)
  })
  const members = replicas.map(({ upstream }): Member => ({ upstream, model: null, weight: 1, priority: 0 }))
  const cacheTokens = traits.cacheBlocks * blockTokens
  const { choose, balancer } = kind.open({ clock, random: seededRandom(seed), members, cacheTokens })
  const sizes = new CallSizes()
  for (const call of calls) {
    clock.advance(call.atMs / speed - clock.monotonicMs())
    const bytes = requestBytes(call)
    const { member, size } = choose(call, sizes.guess('model', bytes, null))
    const replica = replicas[members.indexOf(member)] as Replica
    const { load } = member.upstream
    const othersInFlight = load.calls
    const usage = { inputTokens: call.promptTokens, outputTokens: call.outputTokens }
    replica.take({
      call,
      readTokens: load.prefillTokens + size.promptTokens,
      othersInFlight,
      share: load.begin(size),
      sentMs: clock.monotonicMs(),
      onEnd: () => sizes.observe('model', bytes, null, usage),
    })
  }
  while (clock.timerCount > 0) clock.advance(60_000)
  const counts = balancer ? Object.entries(balancer.counts).filter(([, count]) => count > 0) : []
  return resultOf(
    kind.name,
    replicas,
    calls,
    counts.map(([reason, count]) => `${reason} ${((100 * count) / calls.length).toFixed(0)} %`).join(', '),
  )
}

function resultOf(name: string, replicas: readonly Replica[], calls: readonly TraceCall[], reasons: string): Result {
  const sum = (pick: (replica: Replica) => number): number => replicas.reduce((all, each) => all + pick(each), 0)
  const busiest = (pick: (replica: Replica) => number): number =>
    (Math.max(...replicas.map(pick)) * replicas.length) / sum(pick)
  return {
    name,
    reuse: sum(({ hitBlocks }) => hitBlocks) / calls.reduce((all, { blocks }) => all + blocks.length, 0),
    busiestCalls: busiest(({ callCount }) => callCount),
    busiestTokens: busiest(({ readTokens }) => readTokens),
    firstTokenMs: replicas.flatMap(({ firstTokenMs }) => firstTokenMs),
    callCounts: replicas.map(({ callCount }) => callCount),
    reasons,
  }
}

function row(result: Result): string {
  const { name, reuse, busiestCalls, busiestTokens, firstTokenMs } = result
  const mean = firstTokenMs.reduce((all, ms) => all + ms, 0) / firstTokenMs.length
  const seconds = (ms: number): string => (ms / 1000).toFixed(2)
  const times = [mean, ...[0.5, 0.9, 0.99].map((share) => quantile(firstTokenMs, share))].map(seconds)
  const loads = [busiestCalls, busiestTokens].map((load) => `${load.toFixed(2)}x`)
  return `| ${[name, `${(100 * reuse).toFixed(1)} %`, ...loads, ...times].join(' | ')} |`
}

function plot(results: readonly Result[]): string {
  const bar = (share: number): string => '█'.repeat(Math.round(60 * share))
  return results.map(({ name, reuse }) => `${name.padEnd(15)} ${bar(reuse)} ${(100 * reuse).toFixed(1)} %`).join('\n')
}

const ask = readAsk()
const calls = traceOf(ask)
const { replicaCount, traits } = ask
const minutes = ((calls.at(-1)?.atMs ?? 0) / 60_000 / ask.speed).toFixed(0)
tell(
  `${calls.length} calls in ${minutes} minutes to ${replicaCount} replicas. Each reads ${traits.readRate} tokens/s, writes a token in ` +
    `${traits.gapMs} ms + ${traits.gapMsPerCall} ms for each answer beside it, and keeps ${traits.cacheBlocks} blocks of ${blockTokens} tokens.\n`,
)
const results = policies.map((kind) => simulate(kind, calls, ask))
tell('| choice | blocks reused | busiest, calls | busiest, tokens read | first token, mean s | p50 | p90 | p99 |')
tell('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
for (const result of results) tell(row(result))
tell(`\nBlocks found in a cache:\n${plot(results)}`)
const ours = results.at(-1)
if (ours) tell(`\nHoldfast decided by: ${ours.reasons}. Calls by replica: ${ours.callCounts.slice(0, 16).join(' ')}`)
tell(`\n${costTable()}`)
