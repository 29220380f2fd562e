/** Joining what workers tell to one overview, its verdict, and what the terminal makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ray } from '../fault/ray.ts'
import type { IncidentSeen } from '../house/incident-seen.ts'
import type { UpstreamView } from '../house/fleet-view.ts'
import { History } from './history.ts'
import { type HandView, type Overview, overviewOf } from './overview.ts'
import { judged, statusWords } from './status.ts'
import { topScreen } from './top-screen.ts'
import type { WorkerStatus } from './worker-word.ts'

const totals = { calls: 3, failed: 1, outputTokens: 50, events: 9, retries: 2 }

function upstream(name: string, more: Partial<UpstreamView> = {}): UpstreamView {
  const load = { calls: 2, callsMax: 8, work: 100, workMax: 4000 }
  const quiet = { code: null, reason: '', restMs: 0, models: 1, keys: 0, keysResting: 0, engine: null }
  return { name, url: `http://${name}/v1`, kind: 'vllm', state: 'up', ...quiet, ...load, ...more }
}

function hand(number: number, upstreams: UpstreamView[], more: Partial<WorkerStatus> = {}): HandView {
  const failures = { b: { code: 'HF_UPSTREAM_REFUSED', ray: `ray-${number}` as Ray, atMs: number } } as const
  const status: WorkerStatus = {
    totals,
    beat: { firstTokens: [], codes: {}, attemptCodes: {}, upstreams: {}, lastFailures: failures },
    view: { upstreams, upstreamsLeftOut: 0, lines: [{ pool: 'all', tier: 'standard', waiting: number }] },
    callsLive: 2,
    isReady: true,
    pressure: { rung: 'calm', store: 'calm', reason: 'all is calm' },
    upstreamsUp: 1,
    upstreamsAll: upstreams.length,
    troubles: [],
    engines: {},
    ...more,
  }
  return { number, pid: 100 + number, isRetired: false, heardMs: 0, isSilent: false, status }
}

function overview(hands: HandView[], isReady = true, incidents: readonly IncidentSeen[] = []): Overview {
  const identity = {
    site: 'local',
    version: '1',
    pid: 1,
    startedMs: 0,
    generation: 1,
    urls: ['http://127.0.0.1:1'],
    stateDir: '/s',
  }
  return overviewOf({ nowMs: 60_000, identity, isReady, totals, hands, history: new History(), incidents })
}

test('the worst that a worker found stands for all, and loads add up', () => {
  const down = upstream('b', { state: 'failing', code: 'HF_UPSTREAM_REFUSED' })
  const { upstreams, waiting, verdict } = overview([
    hand(1, [upstream('a'), upstream('b')]),
    hand(2, [upstream('a'), down]),
  ])
  assert.deepEqual(
    upstreams.map(({ name, state, calls, callsMax }) => ({ name, state, calls, callsMax })),
    [
      { name: 'a', state: 'up', calls: 4, callsMax: 16 },
      { name: 'b', state: 'failing', calls: 4, callsMax: 16 },
    ],
  )
  assert.equal(upstreams[1]?.lastFailure?.ray, 'ray-2')
  assert.equal(waiting, 3)
  assert.equal(verdict.level, 'impaired')
  assert.match(verdict.troubles.join(), /^b fails, and is asked again soon: The model server is not running/)
})

test('a list of models that cannot be had hides nothing that calls found out', () => {
  const down = upstream('b', { state: 'failing', code: 'HF_NO_UPSTREAM' })
  assert.equal(overview([hand(1, [down])]).upstreams[0]?.code, 'HF_UPSTREAM_REFUSED')
})

test('well, impaired, down', () => {
  const level = (hands: HandView[], isReady = true): string => overview(hands, isReady).verdict.level
  const well = [hand(1, [upstream('a')])]
  assert.equal(level(well), 'well')
  assert.equal(level(well, false), 'down')
  assert.equal(level([hand(1, [upstream('a', { state: 'hung' })])]), 'down')
  assert.equal(level([hand(1, [upstream('a', { state: 'returning' })])]), 'impaired')
  assert.equal(level([...well, { ...hand(2, []), status: null }]), 'impaired', 'one starts')
  assert.equal(level([...well, { ...hand(2, []), isSilent: true }]), 'impaired', 'one is silent')
  const pressed = { pressure: { rung: 'shed', store: 'calm', reason: 'memory at 95 %' } }
  assert.match(overview([hand(1, [upstream('a')], pressed)]).verdict.troubles.join(), /\(shed\): memory at 95 %/)
  assert.equal(level([...well, { ...hand(2, [upstream('a')]), isRetired: true }]), 'well', 'one finishes what it has')
})

test('an alert that goes on is a trouble, one that is good to know is not', () => {
  const now = overview([hand(1, [upstream('a')])])
  const alert = { name: 'Burn', summary: 'the budget burns' }
  assert.equal(judged(now, [{ ...alert, severity: 'info' }]).level, 'well')
  const told = judged(now, [{ ...alert, severity: 'critical' }])
  assert.equal(told.level, 'impaired')
  assert.match(statusWords(told), /critical: the budget burns/)
})

test('the screen is never wider or higher than it may be, and what others named cannot move the cursor', () => {
  const name = fc.oneof(fc.string(), fc.constant('\u001b[2J\r\nevil\u202e'), fc.constant('名前'.repeat(40)))
  const size = fc.record({ columns: fc.integer({ min: 40, max: 250 }), rows: fc.integer({ min: 1, max: 60 }) })
  fc.assert(
    fc.property(name, fc.string(), size, (evil, reason, { columns, rows }) => {
      const hands = [hand(1, [upstream(evil, { state: 'out', reason }), upstream('b')])]
      const curves = new History().curves(0)
      const lines = topScreen({ now: overview(hands), curves }, { columns, rows })
      assert.ok(lines.length <= rows)
      for (const line of lines) {
        const plain = line.replace(/\u001b\[\d+m/g, '')
        assert.ok([...plain].length <= columns, `${[...plain].length} columns of ${columns}: ${plain}`)
        assert.doesNotMatch(plain, /[\p{Cc}\p{Cf}]/u)
      }
    }),
  )
})

test('an incident is one line of top and of status, and is said to be hidden where it is', () => {
  const incident: IncidentSeen = {
    ...{ id: 'a', title: 'llama: most calls fail\u001b[31m', stage: 'identified', impact: 'critical', beganMs: 0 },
    ...{
      updatedMs: 0,
      words: 'w',
      by: 'holdfast',
      etaWords: 'Over in 5 to 20 min.',
      cause: '',
      components: [],
      calls: 9,
    },
    ...{ badCalls: 9, hidden: '', url: '' },
  }
  const now = overview([hand(1, [upstream('a')])], true, [incident, { ...incident, hidden: 'silenced' }])
  const curves = new History().curves(0)
  const screen = topScreen({ now, curves }, { columns: 120, rows: 40 })
  const line = screen.find((each) => each.includes('Incident'))
  assert.match(line ?? '', /Incident: llama: most calls fail.* \(and 1 more\) · identified, Over in 5 to 20 min\./)
  assert.ok(!line?.includes('\u001b[31mmost') && !line?.includes('fail\u001b'))
  assert.match(statusWords(judged(now, [])), /^incident +llama: most calls fail.* \(identified, silenced, Over in/m)
})
