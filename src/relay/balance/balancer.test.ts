// Tests of one call's look for an upstream: what is remembered between calls, and what is counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCall } from '../../dialect/read-call.ts'
import type { Route } from '../../dialect/call.ts'
import type { Target } from '../../fleet/fleet.ts'
import { balanceSchema, type BalanceOptions, timeoutsSchema } from '../../fleet/pool-options.ts'
import type { Member } from '../../fleet/pool.ts'
import { Upstream } from '../../fleet/upstream.ts'
import { upstreamSchema } from '../../fleet/upstream-options.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { type Ask, Balancer, type BalancerParts } from './balancer.ts'

const size = { promptTokens: 1000, outputTokens: 100 }
const none: ReadonlySet<Member> = new Set()

interface AskTraits {
  readonly session?: string | null
  readonly caller?: string
  readonly route?: Route
}

class Scene {
  readonly clock = new ManualClock()
  readonly balancer: Balancer
  readonly target: Target

  constructor(memberCount: number, options: Partial<BalanceOptions> = {}, parts: Partial<BalancerParts> = {}) {
    const members = Array.from({ length: memberCount }, (_, i): Member => {
      const { clock } = this
      const upstream = new Upstream(`u${i}`, upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, clock)
      return { upstream, model: null, weight: 1, priority: 0 }
    })
    const balance = { ...balanceSchema.parse({ exploreShare: 0 }), ...options }
    const pool = { name: 'all', members, timeouts: timeoutsSchema.parse({}), attemptsMax: 5, balance }
    this.target = { pool, upstreamModel: 'm', members }
    this.balancer = new Balancer({ clock: this.clock, random: seededRandom(4), blocksMax: 4096, ...parts })
  }

  ask(topic: string, { session = null, caller = 'ann', route = 'chat' }: AskTraits = {}): Ask {
    const content = `Tell me about ${topic}, at length. `.repeat(100)
    const prompt = route === 'embeddings' ? { input: content } : { messages: [{ role: 'user', content }] }
    const call = readCall(route, Buffer.from(JSON.stringify({ model: 'm', ...prompt })), {})
    return this.balancer.ask({ target: this.target, size, call, caller, session })
  }

  /** Sends a call and lets it end at once; returns who had it. */
  send(topic: string, options?: AskTraits): Member {
    const ask = this.ask(topic, options)
    const member = ask.choose(none) as Member
    ask.send(member)
    return member
  }
}

test('a prompt comes back to where it was read, and counts as mostly read', () => {
  const scene = new Scene(6)
  const homes = new Map(['storms', 'tides', 'reefs', 'winds'].map((topic) => [topic, scene.send(topic)]))
  for (const [topic, home] of homes) {
    assert.equal(scene.send(topic), home)
    const ask = scene.ask(topic)
    assert.ok(ask.send(home).promptTokens < 50)
    assert.equal(ask.send(scene.target.members.find((each) => ![...homes.values()].includes(each))!).promptTokens, 1000)
  }
  assert.equal(scene.balancer.counts.prefix, 4)
  assert.equal(scene.balancer.counts.load, 4)
  const { asked, cached } = scene.balancer.promptTokens
  assert.ok(asked === 16_000 && cached > 7500 && cached < 8000, `${cached} of ${asked}`)
})

test('a server that was away has forgotten; one that only failed a call has not', () => {
  const scene = new Scene(4)
  const home = scene.send('storms')
  home.upstream.fail('HF_UPSTREAM_ERROR')
  home.upstream.succeed()
  assert.ok(scene.ask('storms').cachedTokens(home) > 900)
  home.upstream.fail('HF_UPSTREAM_REFUSED')
  home.upstream.succeed()
  assert.equal(scene.ask('storms').cachedTokens(home), 0)
  scene.ask('storms').send(home)
  assert.ok(scene.ask('storms').cachedTokens(home) > 900, 'and learns again')
})

test('nothing is shared between callers, nor remembered longer than a cache of unknown size is believed', () => {
  const scene = new Scene(4)
  const home = scene.send('storms')
  assert.equal(scene.ask('storms', { caller: 'bob' }).cachedTokens(home), 0)
  scene.clock.advance(599_000)
  assert.ok(scene.ask('storms').choose(none) === home)
  scene.clock.advance(2000)
  const late = scene.ask('storms')
  late.choose(none)
  assert.equal(late.cachedTokens(home), 0)
})

test('where it is known how much a cache holds, that decides', () => {
  const small = new Scene(2, {}, { cacheTokens: () => 1500 })
  const [first] = small.target.members
  for (const topic of ['storms', 'tides', 'reefs']) small.ask(topic).send(first!)
  assert.equal(small.ask('storms').cachedTokens(first!), 0)
  assert.ok(small.ask('reefs').cachedTokens(first!) > 900)
  small.clock.advance(3_000_000)
  const late = small.ask('reefs')
  late.choose(none)
  assert.ok(late.cachedTokens(first!) > 900)
})

test('one that turns out to keep nothing is not sent what it has read, nor counted as quick with it', () => {
  const scene = new Scene(4)
  const home = scene.send('storms')
  for (let i = 0; i < 40; i++)
    scene.balancer.learn(home.upstream, scene.ask('storms').send(home), { inputTokens: 1000, cachedTokens: 0 })
  assert.ok(scene.ask('storms').cachedTokens(home) < 20)
  assert.ok(scene.ask('storms').send(home).promptTokens > 980)
  for (let i = 0; i < 40; i++)
    scene.balancer.learn(home.upstream, scene.ask('storms').send(home), { inputTokens: 1000, cachedTokens: 950 })
  assert.ok(scene.ask('storms').cachedTokens(home) > 850, 'and is again when it does keep')
  scene.balancer.learn(home.upstream, scene.ask('storms').send(home), { inputTokens: 1000 })
  assert.ok(scene.ask('storms').cachedTokens(home) > 850, 'one that does not tell is believed')
})

test('a session has its place, other callers of the same name another one', () => {
  const scene = new Scene(16)
  const homes = new Set(Array.from({ length: 20 }, (_, i) => scene.send(`topic ${i}`, { session: 'talk' })))
  assert.equal(homes.size, 1)
  const others = Array.from({ length: 20 }, (_, i) => scene.send('x', { session: 'talk', caller: `caller-${i}` }))
  assert.ok(new Set(others).size > 5)
  assert.equal(scene.balancer.counts.session, 40)
})

test('affinity is what the pool says: none, or by session only', () => {
  const without = new Scene(4, { affinity: 'none' })
  for (let i = 0; i < 8; i++) without.send('storms', { session: 'talk' })
  assert.deepEqual(without.balancer.counts, { only: 0, load: 8, prefix: 0, session: 0, explore: 0 })
  assert.equal(without.balancer.index.blockCount, 0)
  const bySession = new Scene(4, { affinity: 'session' })
  for (let i = 0; i < 4; i++) bySession.send('storms')
  for (let i = 0; i < 4; i++) bySession.send('storms', { session: 'talk' })
  assert.deepEqual(bySession.balancer.counts, { only: 0, load: 4, prefix: 0, session: 4, explore: 0 })
})

test('nothing is read of prompts where there is nothing to compare, or no cache', () => {
  const alone = new Scene(1)
  alone.send('storms')
  assert.deepEqual([alone.balancer.index.blockCount, alone.balancer.counts.only], [0, 1])
  const embeddings = new Scene(3)
  embeddings.send('storms', { route: 'embeddings' })
  assert.equal(embeddings.balancer.index.blockCount, 0)
})

test('what engines tell of themselves counts: their load, and the size of their caches', () => {
  const scene = new Scene(2)
  const [first, second] = scene.target.members as [Member, Member]
  const told = { progress: null, isStepwise: false, preemptions: null, slots: null }
  const tell = ({ upstream }: Member, waiting: number, kvBlocks: number): void =>
    upstream.learnEngine({ ...told, waiting, running: 4, kvUsage: 0.5, kvBlocks, blockTokens: 16 }, 0)
  tell(first, 9, 100)
  tell(second, 0, 100)
  for (let i = 0; i < 10; i++) assert.equal(scene.ask(`topic ${i}`).choose(none), second)
  assert.deepEqual(scene.ask('storms').engine(first.upstream), { waiting: 9, running: 4, kvUsage: 0.5 })
  for (const topic of ['storms', 'tides']) scene.ask(topic).send(second)
  assert.ok(scene.ask('storms').cachedTokens(second) < 700, '1600 tokens have no room for two prompts of 1000')
  assert.ok(scene.ask('tides').cachedTokens(second) > 900)
})

test('what others know of members is asked of them', () => {
  const [room, rest] = [new Set<Member>(), new Set<Member>()]
  const parts: Partial<BalancerParts> = {
    hasRoom: (member) => room.has(member),
    standing: (member, model) => ({ restMs: rest.has(member) && model === 'm' ? 1000 : 0, share: 1 }),
  }
  const scene = new Scene(3, {}, parts)
  const [first, second, third] = scene.target.members as [Member, Member, Member]
  room.add(second).add(third)
  rest.add(third)
  assert.equal(scene.send('storms'), second)
  assert.equal(scene.ask('storms').choose(new Set([second])), first)
  assert.equal(scene.ask('storms').choose(new Set([first, second])), third)
})
