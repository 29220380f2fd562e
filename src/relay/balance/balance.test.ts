// Tests of the choice of an upstream: what counts first, that equals share by weight, and what affinity may do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { balanceSchema } from '../../fleet/pool-options.ts'
import type { Member } from '../../fleet/pool.ts'
import { Upstream } from '../../fleet/upstream.ts'
import { upstreamSchema } from '../../fleet/upstream-options.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { choose, type Facts, type Reason } from './balance.ts'
import type { EngineLoad } from './outlook.ts'

interface Traits {
  readonly name?: string
  readonly weight?: number
  readonly cohort?: string
  readonly priority?: number
  readonly calls?: number
  readonly prefillTokens?: number
  readonly restMs?: number
  /** Prompt tokens a second, and the gap between tokens; left out, its speed is not known. */
  readonly speed?: { readonly perSecond: number; readonly gapMs: number } | undefined
}

function member(traits: Traits = {}): Member {
  const { name = 'u', weight = 1, priority = 0, calls = 0, prefillTokens = 0, restMs = 0, speed } = traits
  const options = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' })
  const upstream = new Upstream(name, options, null, new ManualClock())
  upstream.load.calls = calls
  upstream.load.prefillTokens = prefillTokens
  if (restMs > 0) upstream.fail('HF_UPSTREAM_RESET', restMs)
  for (let i = 1; speed && i <= 40; i++) {
    upstream.speed('m').observeFirstToken(100 * i, (1e5 * i) / speed.perSecond, 0)
    upstream.speed('m').observeGap(i, speed.gapMs)
  }
  return { upstream, model: null, weight, cohort: traits.cohort ?? null, priority }
}

type Given = Partial<Omit<Facts, 'options'>> & { readonly options?: Partial<Facts['options']> }

function facts({ options, ...given }: Given = {}): Facts {
  return {
    tried: new Set(),
    random: seededRandom(1),
    size: { promptTokens: 4000, outputTokens: 200 },
    options: { ...balanceSchema.parse({ exploreShare: 0 }), ...options },
    session: null,
    modelAt: () => 'm',
    standing: ({ upstream }) => ({ restMs: upstream.restLeftMs, share: 1 }),
    hasRoom: () => true,
    engine: () => null,
    cachedTokens: () => 0,
    holders: () => [],
    ...given,
  }
}

function chosen(members: readonly Member[], given: Given = {}): Member | null {
  return choose(members, facts(given))?.member ?? null
}

/** Who is chosen, over and over with fresh chance. */
function everyTime(members: readonly Member[], given: Given = {}, times = 50): Set<Member | null> {
  return new Set(Array.from({ length: times }, (_, seed) => chosen(members, { ...given, random: seededRandom(seed) })))
}

function shares(members: readonly Member[], given: Given, drawCount: number): number[] {
  const counts = new Map<Member, number>()
  const all = facts({ ...given, random: seededRandom(11) })
  for (let i = 0; i < drawCount; i++) {
    const { member: one } = choose(members, all) as { member: Member }
    counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  return members.map((each) => (counts.get(each) ?? 0) / drawCount)
}

const fast = { perSecond: 10_000, gapMs: 10 }
const crowd = (count: number, traits: (i: number) => Traits = () => ({})): Member[] =>
  Array.from({ length: count }, (_, i) => member({ name: `u${i}`, ...traits(i) }))

test('nobody is left when all have been tried, or there is nobody', () => {
  const only = member()
  assert.equal(chosen([]), null)
  assert.equal(chosen([only], { tried: new Set([only]) }), null)
})

test('one that rests comes after all that do not, whatever its priority and load', () => {
  const resting = member({ restMs: 100, priority: 0, weight: 100 })
  const loaded = member({ priority: 5, calls: 500 })
  assert.deepEqual(everyTime([resting, loaded]), new Set([loaded]))
  assert.equal(chosen([resting, loaded], { tried: new Set([loaded]) }), resting)
})

test('among those that rest the one that is back soonest is taken', () => {
  const sooner = member({ restMs: 100 })
  const later = member({ restMs: 200 })
  assert.deepEqual(everyTime([later, sooner]), new Set([sooner]))
})

test('a lower priority number wins over any load, and over what is cached elsewhere', () => {
  const first = member({ priority: 0, calls: 1000 })
  const second = member({ priority: 1, weight: 1000 })
  const cachedTokens = (each: Member): number => (each === second ? 4000 : 0)
  assert.deepEqual(everyTime([second, first], { cachedTokens }), new Set([first]))
})

test('those without room come after those with, but before those that rest', () => {
  const full = member({ priority: 0 })
  const roomy = member({ priority: 3, calls: 50 })
  const resting = member({ restMs: 50 })
  const hasRoom = (each: Member): boolean => each !== full
  assert.deepEqual(everyTime([full, resting, roomy], { hasRoom }), new Set([roomy]))
  assert.deepEqual(everyTime([full, resting], { hasRoom }), new Set([full]))
})

test('idle ones are drawn in proportion to their weights, be they few or many', () => {
  const few = shares([member({ weight: 1 }), member({ weight: 3 }), member({ weight: 6 })], {}, 20_000)
  // Five standard deviations of a binomial share of 0.6 among 20,000 are 0.017.
  for (const [i, share] of [0.1, 0.3, 0.6].entries())
    assert.ok(Math.abs(few[i]! - share) < 0.02, `shares ${few.join(' ')}`)
  const many = shares(
    crowd(80, (i) => ({ weight: i < 40 ? 1 : 9 })),
    {},
    20_000,
  )
  const light = many.slice(0, 40).reduce((sum, share) => sum + share, 0)
  assert.ok(Math.abs(light - 0.1) < 0.02, `the light ones have ${light}`)
})

test('one that has just come back gets its share of its weight only, but everything where it is alone', () => {
  const back = member()
  const standing = (each: Member): { restMs: number; share: number } => ({ restMs: 0, share: each === back ? 0.25 : 1 })
  const [share] = shares([back, member()], { standing }, 20_000)
  assert.ok(Math.abs(share! - 0.2) < 0.02, `it has ${share}`)
  assert.equal(chosen([back], { standing: () => ({ restMs: 0, share: 0 }) }), back)
})

test('held calls even out by weight', () => {
  const members = [member({ weight: 1 }), member({ weight: 4 })]
  const all = facts({ random: seededRandom(3) })
  for (let i = 0; i < 500; i++) choose(members, all)!.member.upstream.load.calls++
  const [light, heavy] = members.map(({ upstream }) => upstream.load.calls)
  assert.ok(light! > 90 && light! < 110, `${light} and ${heavy} calls`)
})

test('among a hundred, held calls even out as well, though only some are looked at', () => {
  const members = crowd(100)
  const all = facts({ random: seededRandom(3) })
  for (let i = 0; i < 2000; i++) choose(members, all)!.member.upstream.load.calls++
  const most = Math.max(...members.map(({ upstream }) => upstream.load.calls))
  assert.ok(most <= 24, `the busiest of a hundred has ${most} of 2000 calls`)
})

test('work counts in seconds: many short prompts weigh less than a long one, and a slow server reads longer', () => {
  const busy = member({ calls: 6, prefillTokens: 3000, speed: fast })
  const stuck = member({ calls: 1, prefillTokens: 120_000, speed: fast })
  assert.deepEqual(everyTime([busy, stuck]), new Set([busy]))
  const slow = member({ calls: 1, prefillTokens: 8000, speed: { perSecond: 1000, gapMs: 40 } })
  const quick = member({ calls: 2, prefillTokens: 16_000, speed: fast })
  assert.deepEqual(everyTime([slow, quick]), new Set([quick]))
})

test('a server that says that others keep it busy, or that its cache is full, is passed over', () => {
  const [free, busy] = [member({ calls: 2, speed: fast }), member({ calls: 1, speed: fast })]
  const engineOf = (load: EngineLoad) => (upstream: Upstream) => (upstream === busy.upstream ? load : null)
  assert.deepEqual(
    everyTime([free, busy], { engine: engineOf({ waiting: 9, running: 16, kvUsage: 0.5 }) }),
    new Set([free]),
  )
  busy.upstream.load.decodeTokens = free.upstream.load.decodeTokens = 5000
  const full = { waiting: 0, running: 1, kvUsage: 1 }
  assert.deepEqual(everyTime([free, busy], { engine: engineOf(full) }), new Set([free]))
})

test('a call goes where its prompt was read, unless there is much more to do', () => {
  const holder = member({ calls: 1, speed: fast })
  const others = crowd(3, () => ({ speed: fast }))
  const cachedTokens = (each: Member): number => (each === holder ? 3800 : 0)
  const choice = choose([...others, holder], facts({ cachedTokens }))
  assert.deepEqual(choice, { member: holder, reason: 'prefix' satisfies Reason })
  holder.upstream.load.prefillTokens = 60_000
  assert.ok(!everyTime([...others, holder], { cachedTokens }).has(holder))
})

test('one whose speed is measured as absurdly high does not draw all calls', () => {
  const members = [member({ speed: { perSecond: 1e9, gapMs: 0.1 } }), ...crowd(7, () => ({ speed: fast }))]
  for (const { upstream } of members)
    for (let i = 0; i < 50; i++) {
      upstream.speed('m').observeFirstToken(1000 * i, upstream === members[0]!.upstream ? i / 1e6 : 100 * i, 0)
      upstream.speed('m').observeGap(1, upstream === members[0]!.upstream ? 0.1 : 10)
    }
  const all = facts({ random: seededRandom(3) })
  for (let i = 0; i < 400; i++) choose(members, all)!.member.upstream.load.begin(all.size)
  const [first] = members.map(({ upstream }) => upstream.load.calls)
  assert.ok(first! >= 40 && first! < 220, `${first} of 400 calls`)
})

test('among a thousand the one that has read the prompt is found', () => {
  const members = crowd(1000, () => ({ speed: fast }))
  const holder = members[777]!
  const cachedTokens = (each: Member): number => (each === holder ? 3800 : 0)
  const found = everyTime(members, { cachedTokens, holders: () => [member().upstream, holder.upstream] })
  assert.deepEqual(found, new Set([holder]))
})

test('where no speeds are known a cached prompt is worth a few calls', () => {
  const holder = member({ calls: 2 })
  const members = [holder, ...crowd(3)]
  const cachedTokens = (each: Member): number => (each === holder ? 4000 : 0)
  assert.deepEqual(everyTime(members, { cachedTokens }), new Set([holder]))
  holder.upstream.load.calls = 9
  assert.ok(!everyTime(members, { cachedTokens }).has(holder))
})

test('one call in a hundred goes anywhere, if it is no great loss', () => {
  const members = crowd(4, (i) => ({ calls: i }))
  const given: Given = { options: { exploreShare: 0.01 }, random: seededRandom(5) }
  const count = (all: Facts): number => {
    let explored = 0
    for (let i = 0; i < 50_000; i++) if (choose(members, all)!.reason === 'explore') explored++
    return explored
  }
  const explored = count(facts(given))
  // Five standard deviations of a share of 0.01 among 50,000 are 111.
  assert.ok(Math.abs(explored - 500) < 111, `${explored} of 50,000`)
  assert.equal(count(facts({ ...given, cachedTokens: ({ upstream }) => (upstream.load.calls === 0 ? 3000 : 0) })), 0)
})

test('a session stays where it is while that one is there and not overloaded', () => {
  const members = crowd(10)
  const homeOf = (session: string, among = members): Member => chosen(among, { session, random: seededRandom(2) })!
  const sessions = Array.from({ length: 300 }, (_, i) => `session-${i}`)
  const homes = new Map(sessions.map((session) => [session, homeOf(session)]))
  for (const session of sessions) assert.deepEqual(everyTime(members, { session }, 5), new Set([homes.get(session)]))
  const lost = members[4]!
  for (const session of sessions) {
    const moved = homeOf(
      session,
      members.filter((each) => each !== lost),
    )
    if (homes.get(session) !== lost) assert.equal(moved, homes.get(session), `${session} moved for nothing`)
  }
  const counts = members.map((each) => sessions.filter((session) => homes.get(session) === each).length)
  assert.ok(Math.min(...counts) > 10 && Math.max(...counts) < 55, `sessions by member: ${counts.join(' ')}`)
  const [session] = sessions
  const home = homes.get(session!)!
  home.upstream.load.calls = 40
  const refuge = homeOf(session!)
  assert.notEqual(refuge, home)
  assert.deepEqual(
    everyTime(members, { session: session! }, 5),
    new Set([refuge]),
    'overloaded: the same other one for all',
  )
})

const anyTraits = fc.record({
  weight: fc.integer({ min: 1, max: 1000 }),
  priority: fc.nat(3),
  calls: fc.nat(5000),
  prefillTokens: fc.nat(1_000_000),
  restMs: fc.oneof(fc.constant(0), fc.nat(60_000)),
  speed: fc.option(
    fc.record({
      perSecond: fc.oneof(fc.constantFrom(1e-9, 1e12), fc.double({ min: 1, max: 1e6, noNaN: true })),
      gapMs: fc.oneof(fc.constantFrom(0, 1e9), fc.double({ min: 0.1, max: 1000, noNaN: true })),
    }),
    { nil: undefined },
  ),
  isTried: fc.boolean(),
  hasRoom: fc.boolean(),
  cachedTokens: fc.oneof(fc.constantFrom(-1, 1e9), fc.nat(4000)),
})
const anyGauge = fc.oneof(fc.constantFrom(Number.NaN, Infinity, -Infinity, -5, 1e300), fc.double({ min: 0, max: 500 }))

test('never one that was tried, none while one is left, nor a worse rank: whatever the numbers say', () => {
  const extra = fc.record({
    seed: fc.nat(),
    session: fc.option(fc.string({ minLength: 1 })),
    engine: fc.option(fc.record({ waiting: anyGauge, running: anyGauge, kvUsage: anyGauge })),
    affinity: fc.constantFrom('auto', 'prefix', 'session', 'none'),
    exploreShare: fc.constantFrom(0, 0.5),
  })
  fc.assert(
    fc.property(
      fc.array(anyTraits, { maxLength: 40 }),
      extra,
      (list, { seed, session, engine, affinity, exploreShare }) => {
        const members = list.map((traits, i) => member({ ...traits, name: `u${i}` }))
        const of = (each: Member): (typeof list)[number] => list[members.indexOf(each)]!
        const tried = new Set(members.filter((each) => of(each).isTried))
        const one = chosen(members, {
          tried,
          session,
          random: seededRandom(seed),
          engine: () => engine,
          options: { affinity, exploreShare },
          hasRoom: (each) => of(each).hasRoom,
          cachedTokens: (each) => of(each).cachedTokens,
          holders: () => members.slice(0, 2).map(({ upstream }) => upstream),
        })
        if (tried.size === members.length) return assert.equal(one, null)
        assert.ok(one && members.includes(one) && !tried.has(one))
        const ranks = (each: Member): number[] => [each.upstream.restLeftMs, of(each).hasRoom ? 0 : 1, each.priority]
        for (const other of members.filter((each) => !tried.has(each))) {
          const own = ranks(one)
          const its = ranks(other)
          const i = own.findIndex((value, at) => value !== its[at])
          assert.ok(i === -1 || own[i]! < its[i]!, `${own.join()} was taken, ${its.join()} was there`)
        }
      },
    ),
  )
})

test('what draws a call somewhere is never a member with more to do than the bound allows', () => {
  const load = fc.record({ prefillTokens: fc.nat(200_000), cachedTokens: fc.nat(4000) })
  fc.assert(
    fc.property(fc.array(load, { minLength: 2, maxLength: 15 }), fc.nat(), (list, seed) => {
      const members = list.map(({ prefillTokens }) => member({ prefillTokens, speed: fast }))
      const cachedTokens = (each: Member): number => list[members.indexOf(each)]!.cachedTokens
      const choice = choose(members, facts({ cachedTokens, random: seededRandom(seed) }))
      if (choice?.reason !== 'prefix') return
      const workS = (tokens: number): number => tokens / fast.perSecond
      const meanS = list.reduce((sum, { prefillTokens }) => sum + workS(prefillTokens), 0) / list.length
      assert.ok(workS(choice.member.upstream.load.prefillTokens) <= 1.25 * meanS + 2.001)
    }),
  )
})

test('cohorts have their shares of calls whatever is in hand where, and a session stays with one', () => {
  const old = crowd(4, (i) => ({ weight: 0.95, calls: 5 + i, cohort: 'v1', speed: fast }))
  const fresh = member({ name: 'new', weight: 0.2, calls: 0, cohort: 'v2', speed: fast })
  const share = shares([...old, fresh], {}, 4000).at(-1) ?? 0
  assert.ok(share > 0.035 && share < 0.065, `${share} of calls instead of 5 %`)
  const sessions = Array.from({ length: 400 }, (_, i) => everyTime([...old, fresh], { session: `s${i}` }, 3))
  const kept = sessions.filter((members) => members.size === 1 && members.has(fresh)).length
  assert.ok(kept > 8 && kept < 40, `${kept} of 400 sessions`)
  assert.ok(sessions.every((members) => members.size === 1 || !members.has(fresh)))
  assert.equal(chosen([...old, fresh], { tried: new Set(old) }), fresh, 'nobody else is left')
})
