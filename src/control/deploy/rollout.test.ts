/** The judge and the state machine together: how deploys go on and end, and that a restart anywhere changes nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../ground/random.ts'
import { beginStep, judge, newJudge } from './judge.ts'
import type { Look, ReleaseLook } from './release-look.ts'
import { advance, command, type Seen } from './rollout.ts'
import { type RolloutOptions, rolloutDefaults, stepsOf } from './rollout-options.ts'
import { planOf } from './rollout-plan.ts'
import { newRollout, type Phase, type RolloutState } from './rollout-state.ts'
import { observe } from './sketch.ts'

const options: RolloutOptions = { ...rolloutDefaults, steps: stepsOf.canary }
const lookMs = 10_000

/** Calls of ten seconds; `failing` and `slower` are what is wrong with the release. */
function releaseLook(calls: number, random: () => number, failing = 0, slower = 1): ReleaseLook {
  const [ttft, token, answer]: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i < calls; i++) {
    observe(ttft, 200 * slower * Math.exp(random() - 0.5))
    observe(token, 20 * slower * Math.exp(0.4 * (random() - 0.5)))
    observe(answer, 200 * Math.exp(2 * (random() - 0.5)))
  }
  return {
    ...{
      calls,
      failures: { HF_UPSTREAM_ERROR: Math.round(calls * failing) },
      finished: calls,
      truncated: 0,
      refused: 0,
    },
    ...{ empty: 0, toolOffers: 0, toolCalls: 0, toolCallsBroken: 0, ttftMs: { '6.4': ttft } },
    ...{ interTokenMs: { '0.4': token }, answerTokens: answer, deaths: 0 },
    replicas: [{ name: 'r', memoryBytes: null, memoryBytesMax: null, calls }],
  }
}

interface Scene {
  readonly seed?: number
  readonly failing?: number
  readonly slower?: number
  readonly callsPerLook?: number
  readonly more?: (state: RolloutState, look: number) => Partial<Seen>
  readonly options?: RolloutOptions
  /** Looks before which the state is written down and read again. */
  readonly restarts?: ReadonlySet<number>
  readonly looks?: number
  readonly from?: string | null
}

function run(scene: Scene): RolloutState {
  const random = seededRandom(scene.seed ?? 1)
  const from = scene.from === undefined ? 'v1' : scene.from
  let state = newRollout({ id: 'd1', deployment: 'chat', from, to: 'v2', strategy: 'canary' }, 0)
  for (let i = 1; i <= (scene.looks ?? 1200); i++) {
    if (scene.restarts?.has(i)) state = JSON.parse(JSON.stringify(state)) as RolloutState
    const calls = scene.callsPerLook ?? 400
    const own = Math.round(calls * state.share)
    const look: Look = {
      ...{ ms: lookMs, callsPerReplicaHour: 3600 },
      present: releaseLook(calls - own, random.unit),
      next: releaseLook(own, random.unit, scene.failing, scene.slower),
    }
    const seen: Seen = {
      ...{ nowMs: i * lookMs, total: 4, readyNext: 4, readyPresent: 4, callsLeft: 0, isWindowOpen: true, look },
      gate: { isPassed: true, words: 'passed' },
      ...scene.more?.(state, i),
    }
    state = advance(state, seen, scene.options ?? options)
  }
  return state
}

const phases = ({ history }: RolloutState): Phase[] => history.map(({ phase }) => phase)
const sharesOf = ({ history }: RolloutState): number[] => [...new Set(history.map(({ share }) => share))]

test('a good release gets all calls, step by step, and the one before is kept for a while', () => {
  const state = run({})
  assert.equal(state.phase, 'done')
  assert.deepEqual(sharesOf(state), [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
  assert.deepEqual([...new Set(phases(state))], ['waiting', 'starting', 'gate', 'shifting', 'draining', 'warm', 'done'])
})

test('one that fails or is slow is rolled back before a tenth of the calls', () => {
  for (const defect of [{ failing: 0.1 }, { slower: 1.6 }]) {
    const state = run(defect)
    assert.equal(state.phase, 'rolled-back')
    assert.equal(state.reason?.code, 'judge')
    assert.ok(Math.max(...sharesOf(state)) < 0.1)
    assert.equal(state.share, 0)
  }
})

test('what does not become ready or does not pass the gate gets no calls', () => {
  const late = run({ more: () => ({ readyNext: 0 }), looks: 100 })
  assert.deepEqual([late.phase, late.reason?.code], ['rolled-back', 'not-ready'])
  const bad = run({ more: () => ({ gate: { isPassed: false, words: 'truncated' } }), looks: 20 })
  assert.deepEqual([bad.phase, bad.reason?.words], ['rolled-back', 'truncated'])
  const mute = run({ more: () => ({ gate: null }), looks: 100 })
  assert.deepEqual([mute.phase, mute.reason?.code], ['rolled-back', 'gate'])
  for (const each of [late, bad, mute]) assert.deepEqual(sharesOf(each), [0])
})

test('with hardly any calls it is inconclusive, and then as the operator has it', () => {
  const few = { callsPerLook: 8, looks: 1250 }
  assert.equal(run(few).phase, 'inconclusive')
  assert.equal(run({ ...few, options: { ...options, onInconclusive: 'roll-back' } }).phase, 'rolled-back')
  const patient = { ...options, inconclusiveMsMax: 600_000 }
  assert.equal(run({ ...few, options: patient }).reason?.code, 'inconclusive')
  const waiting = run(few)
  assert.ok(command(waiting, 'go-on', 'ada', 1).step > waiting.step)
})

test('a pause holds it, a rollback takes it back, and neither can be had twice', () => {
  let state = run({ looks: 60 })
  assert.equal(state.phase, 'shifting')
  state = command(state, 'pause', 'ada', 0)
  const paused = advance(state, { ...seenOf(state), nowMs: state.atMs + 1e7 }, options)
  assert.equal(paused.phaseMs, state.phaseMs)
  assert.throws(() => command(run({ looks: 60 }), 'resume', 'ada', 0), /not paused/)
  state = command(state, 'rollback', 'ada', 0)
  state = advance(state, seenOf(state), options)
  assert.deepEqual([state.phase, state.share], ['rolled-back', 0])
  assert.throws(() => command(state, 'rollback', 'ada', 0), /is over/)
})

test('a rollback from the warm state is at once; without old replicas the calls stay until there are some', () => {
  const warm = run({ looks: 260 })
  assert.equal(warm.phase, 'warm')
  const back = command(warm, 'rollback', 'ada', 0)
  assert.equal(advance(back, seenOf(back), options).share, 0)
  const cold = advance(back, { ...seenOf(back), readyPresent: 2 }, options)
  assert.deepEqual([cold.phase, cold.share], ['rolling-back', 0.5])
  assert.deepEqual(
    planOf(cold, 4, options).releases.map(({ replicas }) => replicas),
    [4, 2],
  )
})

test('outside of its window it does not begin nor go further', () => {
  const never = run({ more: () => ({ isWindowOpen: false }), looks: 200 })
  assert.equal(never.phase, 'waiting')
  const closes = run({ more: (_, look) => ({ isWindowOpen: look < 60 }), looks: 400 })
  assert.deepEqual([closes.phase, closes.share], ['shifting', 0.05])
})

test('shares go up only with the replicas for them', () => {
  const state = run({ more: () => ({ readyNext: 1 }), looks: 400 })
  assert.deepEqual([state.phase, state.share], ['shifting', 0.25])
})

test('a clock that jumps makes no step go by', () => {
  const state = run({ looks: 40 })
  for (const nowMs of [state.atMs + 1e9, state.atMs - 1e9]) {
    const after = advance(state, { ...seenOf(state), nowMs }, options)
    assert.ok(after.phaseMs <= state.phaseMs + 60_000)
    assert.ok(after.phaseMs >= state.phaseMs)
  }
})

test('the first release of all gets the calls once it passed the gate', () => {
  const state = run({ from: null, looks: 30 })
  assert.equal(state.phase, 'done')
  assert.deepEqual(sharesOf(state), [0, 1])
  const fresh = run({ from: null, looks: 5 })
  assert.equal(fresh.share, 1)
  assert.throws(() => command(fresh, 'rollback', 'ada', 0), /no release before/)
})

test('a run that is written down and read again anywhere ends the same, in every field', () => {
  const looks = 110
  const plain = [run({ looks }), run({ looks, failing: 0.05 })]
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: looks }), { minLength: 1, maxLength: 6 }), (list) => {
      const restarts = new Set(list)
      assert.deepEqual([run({ looks, restarts }), run({ looks, failing: 0.05, restarts })], plain)
    }),
    { numRuns: 4 },
  )
})

test('a control is as idle as the new replica, where the others can bear it', () => {
  const state = run({ looks: 20 })
  assert.equal(state.phase, 'shifting')
  assert.equal(planOf(state, 10, options).controlShare, state.share)
  assert.equal(planOf(state, 2, options).controlShare, null)
})

test('two deaths while the others live are the release’s fault; one may be the machine’s', () => {
  const random = seededRandom(1)
  const state = newJudge()
  beginStep(state)
  const look = (deaths: number): Look => ({
    ...{ ms: lookMs, callsPerReplicaHour: 3600, present: releaseLook(100, random.unit) },
    next: { ...releaseLook(20, random.unit), deaths },
  })
  for (let i = 0; i < 30; i++) judge(state, look(0))
  const first = judge(state, look(1))
  assert.deepEqual([first.kind, first.isSuspicious], ['unsure', true])
  assert.equal(judge(state, look(1)).kind, 'bad')
})

function seenOf({ atMs }: RolloutState): Seen {
  return {
    ...{ nowMs: atMs + lookMs, total: 4, readyNext: 4, readyPresent: 4, callsLeft: 0, isWindowOpen: true },
    ...{ gate: { isPassed: true, words: 'passed' }, look: null },
  }
}
