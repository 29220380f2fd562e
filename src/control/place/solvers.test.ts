/** Solvers of a placement: every plan is one, none is worse than greedy, and the exact one is exact. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { enumerateOptimum, stateCount } from '../../../bench/place/enumerate.ts'
import { makeInstance } from '../../../bench/place/instances.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { annealFrom } from './anneal.ts'
import { Board } from './board.ts'
import { costOf, wrongsOf } from './cost.ts'
import { exact, relaxedBound } from './exact.ts'
import { placeGreedily } from './greedy.ts'
import { lowerBound } from './lower-bound.ts'
import { type Host, makeProblem, type Problem, type Question, type Replica } from './problem.ts'
import { defaultSolvers, solve, type SolveOptions } from './solve.ts'
import { solverNames } from './solver.ts'

const gib = 2 ** 30
/** Far beyond what they need: only the proof ends the search. */
const withinMs = 600_000
/** Stands still: no time runs out. */
const clock = new ManualClock()

const host = (name: string, memory: number, more: Partial<Host> = {}): Host => {
  return { name, memoryBytes: memory * gib, gpus: 0, domain: name, price: 1, ...more }
}
const replica = (name: string, memory: number, more: Partial<Replica> = {}): Replica => {
  const rest = { gpus: 0, affinities: [], presentHost: null, moveCost: 0.1 }
  return { name, model: name, memoryBytes: memory * gib, ...rest, ...more }
}
const ask = (hosts: readonly Host[], replicas: readonly Replica[], more: Partial<Question> = {}): Problem =>
  makeProblem({ hosts, replicas, affinities: [], spreadCost: 0, ...more })

const options = (more: Partial<SolveOptions> = {}): SolveOptions => {
  const randomFor = (): ReturnType<typeof seededRandom> => seededRandom(7)
  return { solvers: defaultSolvers, stopsWhenProved: true, clock, randomFor, withinMs, ...more }
}

/** Names of the hosts that a plan uses for each replica. */
async function plan(problem: Problem, more: Partial<SolveOptions> = {}): Promise<Record<string, string>> {
  const { placement } = await solve(problem, options(more))
  assert.ok(placement)
  assert.deepEqual(wrongsOf(problem, placement), [])
  return Object.fromEntries(problem.replicas.map(({ name }, r) => [name, problem.hosts[placement[r]!]!.name]))
}

test('replicas of one model stand in several failure domains where that is worth a host', async () => {
  const hosts = [host('a1', 80, { domain: 'a' }), host('a2', 80, { domain: 'a' }), host('b1', 80, { domain: 'b' })]
  const replicas = [replica('m-1', 20, { model: 'm' }), replica('m-2', 20, { model: 'm' })]
  const spread = await plan(ask(hosts, replicas, { spreadCost: 5 }))
  assert.equal(Object.values(spread).filter((name) => name === 'b1').length, 1)
  const packed = await plan(ask(hosts, replicas, { spreadCost: 0.5 }))
  assert.equal(packed['m-1'], packed['m-2'])
})

test('who stands somewhere stays, unless leaving is worth the move', async () => {
  const hosts = [host('dear', 80, { price: 2 }), host('cheap', 80)]
  const stands = (moveCost: number): Problem => ask(hosts, [replica('m', 20, { presentHost: 'dear', moveCost })])
  assert.deepEqual(await plan(stands(1.5)), { m: 'dear' })
  assert.deepEqual(await plan(stands(0.5)), { m: 'cheap' })
})

test('affinities bring together and keep apart', async () => {
  const hosts = [host('one', 40), host('two', 40), host('three', 40)]
  const affinities = [
    { name: 'rag', kind: 'together', within: 'host', cost: 3 } as const,
    { name: 'noisy', kind: 'apart', within: 'host', cost: 3 } as const,
  ]
  const replicas = [
    replica('embed', 10, { affinities: ['rag'] }),
    replica('rerank', 10, { affinities: ['rag'] }),
    replica('x', 10, { affinities: ['noisy'] }),
    replica('y', 10, { affinities: ['noisy'] }),
  ]
  const found = await plan(ask(hosts, replicas, { affinities }))
  assert.equal(found['embed'], found['rerank'])
  assert.notEqual(found['x'], found['y'])
})

test('a plan that greedy does not see is found: memory and GPUs fit in one way alone', async () => {
  // 6+4 and 5+5 are full; the largest first puts 5 beside 4.
  const hosts = [host('one', 10, { gpus: 1 }), host('two', 10, { gpus: 1 })]
  const replicas = [replica('a', 6, { gpus: 1 }), replica('b', 5), replica('c', 5, { gpus: 1 }), replica('d', 4)]
  const found = await plan(ask(hosts, replicas))
  assert.equal(found['a'], found['d'])
  assert.equal(found['b'], found['c'])
})

test('where there is no plan, that is proved', async () => {
  const problem = ask([host('one', 10), host('two', 10)], [replica('a', 7), replica('b', 6), replica('c', 5)])
  const outcome = await solve(problem, options())
  assert.deepEqual([outcome.placement, outcome.isImpossible], [null, true])
})

test('exact equals the enumerated optimum, and so does the default', async () => {
  const sizes = [
    { replicas: 4, hosts: 8 },
    { replicas: 6, hosts: 5 },
    { replicas: 8, hosts: 4 },
    { replicas: 9, hosts: 4, fill: 0.9 },
  ]
  for (const [i, size] of sizes.entries()) {
    const problem = makeInstance(size, 100 + i)
    assert.ok(stateCount(problem) <= 1e6)
    const optimum = enumerateOptimum(problem)
    const { placement, bound } = await exact.solve(problem, { clock, random: seededRandom(1), withinMs, start: null })
    assert.ok(placement)
    assert.ok(Math.abs(costOf(problem, placement).total - optimum) < 1e-6, JSON.stringify(size))
    assert.ok(Math.abs((bound ?? 0) - optimum) < 1e-6)
    const outcome = await solve(problem, options())
    assert.ok(Math.abs((outcome.cost?.total ?? 0) - optimum) < 1e-6)
    assert.ok(outcome.isOptimal)
    for (const bound of [lowerBound(problem), await relaxedBound(problem, withinMs)])
      assert.ok(bound !== null && bound <= optimum + 1e-6)
  }
})

const instance = fc
  .record({ replicas: fc.integer({ min: 1, max: 14 }), hosts: fc.integer({ min: 1, max: 7 }) })
  .chain(({ replicas, hosts }) =>
    fc.record({ seed: fc.nat(100_000), fill: fc.constantFrom(0.5, 0.9, 1) }).map(({ seed, fill }) => {
      return makeInstance({ replicas, hosts, fill }, seed)
    }),
  )

test('what a board says of the cost is what it costs, move after move', () => {
  fc.assert(
    fc.property(instance, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 }), (problem, moves) => {
      const placement = new Int32Array(problem.replicas.length)
      const board = new Board(problem, placement)
      for (const [a, b] of moves) {
        const [r, h] = [a % problem.replicas.length, b % problem.hosts.length]
        const expected = board.cost + board.delta(r, h)
        board.move(r, h)
        placement[r] = h
        const { total } = costOf(problem, placement)
        assert.ok(Math.abs(board.cost - total) < 1e-9 && Math.abs(expected - total) < 1e-9)
      }
    }),
    { numRuns: 60 },
  )
})

test('every plan is valid, annealing is never worse than greedy, and none is below the bound', () => {
  fc.assert(
    fc.property(instance, fc.nat(1000), (problem, seed) => {
      const start = placeGreedily(problem, seededRandom(seed))
      if (start === null) return
      assert.deepEqual(wrongsOf(problem, start), [])
      const { placement } = annealFrom(problem, start, { clock, random: seededRandom(seed), withinMs: 1 })
      assert.deepEqual(wrongsOf(problem, placement), [])
      assert.ok(costOf(problem, placement).total <= costOf(problem, start).total + 1e-9)
      assert.ok(costOf(problem, placement).total >= lowerBound(problem) - 1e-9)
    }),
    { numRuns: 6 },
  )
})

test('the same seed gives the same plan', async () => {
  const problem = makeInstance({ replicas: 20, hosts: 6 }, 3)
  const solvers = ['greedy', 'anneal'] as const
  const [one, two] = [await solve(problem, options({ solvers })), await solve(problem, options({ solvers }))]
  assert.deepEqual(one.placement, two.placement)
})

test('of all solvers the best plan is kept, and QAOA finds the optimum of a small one', async () => {
  const hosts = [host('a', 40), host('b', 40, { price: 1.5 })]
  const problem = ask(hosts, [replica('m-1', 20, { model: 'm' }), replica('m-2', 20, { model: 'm' }), replica('n', 12)])
  const outcome = await solve(problem, options({ solvers: solverNames, stopsWhenProved: false }))
  assert.equal(outcome.attempts.length, 4)
  const optimum = enumerateOptimum(problem)
  for (const { solver, cost } of outcome.attempts) {
    assert.ok(cost !== null && cost >= optimum - 1e-9, solver)
    if (solver !== 'greedy') assert.ok(Math.abs(cost - optimum) < 1e-9, solver)
  }
})
