// What is done to replicas: newcomers before predecessors, never below what serves, a lively fleet settles.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Plan } from './plan.ts'
import { type Action, type Mark, reconcile, type ReconcileFacts, type ReplicaState } from './reconcile.ts'

function planned(...releases: [release: string, replicas: number, share?: number][]): Plan {
  return new Map([
    ['d', { releases: releases.map(([release, replicas, share = 1]) => ({ release, replicas, share })) }],
  ])
}

function replica(name: string, more: Partial<ReplicaState> = {}): ReplicaState {
  const [deployment = '', release = ''] = name.split('-')
  const rest = {
    phase: 'running',
    isReady: true,
    membership: 'in',
    weight: 1,
    cohort: null,
    calls: 0,
    drainedMs: 0,
    isBusy: false,
  } as const
  return { name, deployment, release, ...rest, ...more }
}

const noMarks = {
  isResting: () => false,
  weightOf: () => 1,
  drainMs: () => 10_000,
  actionsMax: 100,
  marks: new Map<string, Mark>(),
}

function decide(plan: Plan, seen: readonly ReplicaState[], more: Partial<ReconcileFacts> = {}): string[] {
  return reconcile({ plan, seen, ...noMarks, ...more }).map((each) => `${each.kind} ${each.name}`)
}

test('what is missing is started, what is ready gets calls', () => {
  assert.deepEqual(decide(planned(['v1', 2]), []), ['start d-v1-1', 'start d-v1-2'])
  const waiting = replica('d-v1-1', { isReady: false, membership: 'out' })
  assert.deepEqual(decide(planned(['v1', 1]), [waiting]), [])
  assert.deepEqual(decide(planned(['v1', 1]), [{ ...waiting, isReady: true }]), ['admit d-v1-1'])
  assert.deepEqual(decide(planned(['v1', 1]), [replica('d-v1-1')]), [])
})

test('a dead one is started again under its name, and not while it rests', () => {
  const dead = replica('d-v1-1', { phase: 'gone', isReady: false })
  assert.deepEqual(decide(planned(['v1', 2]), [dead, replica('d-v1-2')]), ['start d-v1-1'])
  assert.deepEqual(decide(planned(['v1', 2]), [dead, replica('d-v1-2')], { isResting: () => true }), [])
})

test('where fewer are wished one on its way goes first, then whoever has the fewest calls in hand', () => {
  const [busy, quiet] = [replica('d-v1-2', { calls: 5 }), replica('d-v1-1', { calls: 1 })]
  assert.deepEqual(decide(planned(['v1', 1]), [quiet, busy]), ['drain d-v1-1'])
  const coming = replica('d-v1-3', { isReady: false, membership: 'out' })
  assert.deepEqual(decide(planned(['v1', 2]), [quiet, busy, coming]), ['stop d-v1-3'])
})

test('another release: the old one goes when as many others serve, one after the other, and then it ends', () => {
  const plan = planned(['v2', 2])
  const old = [replica('d-v1-1'), replica('d-v1-2')]
  const late = replica('d-v2-1', { isReady: false, membership: 'out' })
  assert.deepEqual(decide(plan, old), ['start d-v2-1', 'start d-v2-2'])
  assert.deepEqual(
    decide(plan, [...old, late, { ...late, name: 'd-v2-2' }]),
    [],
    'newcomers that are never ready change nothing',
  )
  assert.deepEqual(decide(plan, [...old, replica('d-v2-1'), { ...late, name: 'd-v2-2' }]), ['drain d-v1-1'])
  const drained = replica('d-v1-1', { membership: 'draining', calls: 1, drainedMs: 5000 })
  const others = [replica('d-v2-1'), replica('d-v2-2')]
  assert.deepEqual(decide(plan, [drained, ...others]), [], 'it has a call in hand')
  assert.deepEqual(decide(plan, [{ ...drained, calls: 0 }, ...others]), ['stop d-v1-1'])
  assert.deepEqual(decide(plan, [{ ...drained, drainedMs: 10_000 }, ...others]), ['stop d-v1-1'], 'its time is over')
})

test('one that is marked is replaced: another serves first; one that serves nothing goes at once, and its name stays free', () => {
  const marks = new Map<string, Mark>([['d-v1-1', 'replace']])
  const seen = [replica('d-v1-1'), replica('d-v1-2')]
  assert.deepEqual(decide(planned(['v1', 2]), seen, { marks }), ['start d-v1-3'])
  assert.deepEqual(decide(planned(['v1', 2]), [...seen, replica('d-v1-3')], { marks }), ['drain d-v1-1'])
  const dead = replica('d-v1-1', { phase: 'gone', membership: 'out', isReady: false })
  assert.deepEqual(decide(planned(['v1', 1]), [dead], { marks: new Map([['d-v1-1', 'restart']]) }), [
    'start d-v1-2',
    'stop d-v1-1',
  ])
  assert.deepEqual(decide(planned(['v1', 2]), seen, { marks: new Map([['d-v1-1', 'restart']]) }), [
    'start d-v1-3',
    'drain d-v1-1',
  ])
})

test('however many names are out of use, there is one for whoever is wished', () => {
  const marks = new Map<string, Mark>([1, 2, 3, 4].map((n) => [`d-v1-${n}`, 'replace']))
  assert.deepEqual(decide(planned(['v1', 1]), [], { marks }), ['start d-v1-5'])
})

test('releases side by side share the calls as planned, whatever the number of their replicas', () => {
  const plan = planned(['v1', 3, 0.9], ['v2', 1, 0.1])
  const seen = [1, 2, 3].map((n) => replica(`d-v1-${n}`))
  const canary = replica('d-v2-1', { membership: 'out' })
  const facts = {
    isResting: () => false,
    weightOf: () => 1,
    drainMs: () => 1,
    actionsMax: 9,
    marks: new Map<string, Mark>(),
  }
  const weights = new Map(
    reconcile({ plan, seen: [...seen, canary], ...facts }).map((each) => [
      each.name,
      'weight' in each ? each.weight : 0,
    ]),
  )
  const old = [...weights].filter(([name]) => name.startsWith('d-v1')).reduce((sum, [, weight]) => sum + weight, 0)
  const fresh = weights.get('d-v2-1') ?? 0
  assert.ok(Math.abs(fresh / (old + fresh) - 0.1) < 1e-9)
})

test('a release without a share has no calls: it waits beside the other, or is emptied and kept for its return', () => {
  const ready = replica('d-v2-1', { membership: 'out' })
  const [one, two] = [replica('d-v1-1'), replica('d-v1-2')]
  assert.deepEqual(decide(planned(['v1', 2, 1], ['v2', 1, 0]), [one, two, ready]), [], 'not admitted, and not stopped')
  const fresh = [replica('d-v2-1'), replica('d-v2-2')]
  const over = planned(['v1', 2, 0], ['v2', 2, 1])
  assert.deepEqual(decide(over, [one, two, ...fresh]), ['drain d-v1-1', 'drain d-v1-2'])
  assert.deepEqual(decide(over, [one, two, replica('d-v2-1')]), ['start d-v2-2', 'drain d-v1-1'], 'enough serve')
  const emptied = [one, two].map((each) => ({ ...each, membership: 'draining' as const, drainedMs: 60_000 }))
  assert.deepEqual(decide(over, [...emptied, ...fresh]), [], 'kept, neither started anew nor stopped')
  const back = planned(['v1', 2, 1], ['v2', 0, 0])
  assert.deepEqual(decide(back, [...emptied, ...fresh]), ['admit d-v1-1', 'admit d-v1-2'], 'called back first')
  assert.deepEqual(decide(back, [one, two, ...fresh]), ['drain d-v2-1', 'drain d-v2-2'])
})

test('one of the present release is the control, with a cohort and a share of its own', () => {
  const releases = [
    { release: 'v1', replicas: 3, share: 0.95 },
    { release: 'v2', replicas: 1, share: 0.05 },
  ]
  const seen = [3, 2, 1].map((n) => replica(`d-v1-${n}`))
  const facts = { ...noMarks, plan: new Map([['d', { releases, controlShare: 0.05 }]]) }
  const actions = reconcile({ ...facts, seen: [...seen, replica('d-v2-1', { membership: 'out' })] })
  const told = actions.flatMap((each) => ('cohort' in each ? [[each.name, each.cohort, each.weight.toFixed(2)]] : []))
  assert.deepEqual(
    told.toSorted(([a = ''], [b = '']) => String(a).localeCompare(String(b))),
    [
      ['d-v1-1', 'd/v1/control', '0.20'],
      ['d-v1-2', 'd/v1', '1.80'],
      ['d-v1-3', 'd/v1', '1.80'],
      ['d-v2-1', 'd/v2', '0.20'],
    ],
  )
})

test('a limit on actions holds back what costs, and never the admission of what is ready', () => {
  const plan = planned(['v1', 5])
  const ready = replica('d-v1-1', { membership: 'out' })
  assert.deepEqual(decide(plan, [ready], { actionsMax: 2 }), ['admit d-v1-1', 'start d-v1-2', 'start d-v1-3'])
})

/** A little world that does what it is told, sooner or later, and in which replicas die. */
class World {
  seen: ReplicaState[] = []

  do(action: Action): void {
    const { name } = action
    this.seen = this.seen.filter((each) => each.name !== name || (action.kind !== 'start' && action.kind !== 'stop'))
    if (action.kind === 'start') this.seen.push(replica(name, { phase: 'starting', isReady: false, membership: 'out' }))
    if (action.kind === 'admit') this.#change(name, { membership: 'in', weight: action.weight, cohort: action.cohort })
    if (action.kind === 'drain') this.#change(name, { membership: 'draining' })
  }

  #change(name: string, more: Partial<ReplicaState>): void {
    this.seen = this.seen.map((each) => (each.name === name ? { ...each, ...more } : each))
  }

  /** Time passes. */
  pass(): void {
    this.seen = this.seen.map((each) => ({
      ...each,
      phase: each.phase === 'starting' ? ('running' as const) : each.phase,
      isReady: each.isReady || each.phase === 'running',
      drainedMs: each.membership === 'draining' ? each.drainedMs + 1000 : 0,
    }))
  }

  kill(at: number): void {
    const victim = this.seen[at % Math.max(1, this.seen.length)]
    if (victim) this.#change(victim.name, { phase: 'gone', isReady: false })
  }

  get serving(): number {
    return this.seen.filter(({ phase, isReady, membership }) => phase === 'running' && isReady && membership === 'in')
      .length
  }
}

test('whatever is planned and dies, no action takes one that serves below the plan, and the fleet settles', () => {
  const plans = fc.array(
    fc.record({
      release: fc.constantFrom('v1', 'v2', 'v3'),
      count: fc.nat(4),
      deaths: fc.array(fc.nat(9), { maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  fc.assert(
    fc.property(plans, (steps) => {
      const world = new World()
      for (const { release, count, deaths } of steps) {
        for (const victim of deaths) world.kill(victim)
        let rounds = 0
        for (; rounds < 60; rounds++) {
          const before = world.serving
          const facts = {
            isResting: () => false,
            weightOf: () => 1,
            drainMs: () => 9000,
            actionsMax: 3,
            marks: new Map<string, Mark>(),
          }
          const actions = reconcile({ plan: planned([release, count]), seen: world.seen, ...facts })
          for (const action of actions) world.do(action)
          assert.ok(world.serving >= Math.min(before, count), `${world.serving} of ${count} serve, before ${before}`)
          if (actions.length === 0 && world.seen.every(({ isReady, membership }) => isReady && membership === 'in'))
            break
          world.pass()
        }
        assert.ok(rounds < 60, `it settles: ${JSON.stringify(world.seen)}`)
        assert.deepEqual([world.serving, world.seen.length], [count, count])
        assert.ok(world.seen.every((each) => each.release === release))
      }
    }),
    { numRuns: 200 },
  )
})
