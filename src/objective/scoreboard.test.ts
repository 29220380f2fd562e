/** Objectives over several workers, restarts of them and of the gateway. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import { CallCounts } from './call-counts.ts'
import { objectivesSchema } from './objective-options.ts'
import { Scoreboard } from './scoreboard.ts'
import type { Signs } from './signs.ts'

const hourMs = 3_600_000
const beginMs = Date.UTC(2026, 0, 1)
const objectives = objectivesSchema.parse([{ name: 'whole', sli: 'availability', target: 0.99 }])

function signs(good: number, bad: number): Signs {
  const rest = { heap: 0, memory: 0, pools: {}, quotas: {}, quotasLeft: {} }
  return { objectives: { whole: [good, bad] }, firstTokens: { count: 0, logSum: 0 }, callsLive: 0, ...rest }
}

test('visits count for objectives of the site and for no other', () => {
  const counts = new CallCounts(
    objectivesSchema.parse([
      { name: 'calls', sli: 'availability', target: 0.99 },
      { name: 'site', sli: 'site', target: 0.99 },
      { name: 'app', sli: 'site', target: 0.99, routes: ['/app'] },
    ]),
  )
  for (const status of [200, 404, 499, 429, 502]) counts.visited({ route: '/', status })
  counts.visited({ route: '/app', status: 503 })
  assert.deepEqual(counts.objectives, { calls: [0, 0], site: [2, 2], app: [0, 1] })
})

test('what workers tell adds up, whoever comes and goes', () => {
  const board = new Scoreboard(objectives)
  board.hear('1', signs(10, 1), beginMs)
  board.hear('2', signs(5, 0), beginMs)
  board.hear('1', signs(12, 1), beginMs)
  board.forget('1')
  board.hear('3', signs(3, 1), beginMs) // in its place, from nothing
  const [score] = board.scores(beginMs)
  assert.deepEqual(score?.total, { good: 20, bad: 2 })
  assert.equal(score?.reached, 20 / 22)
})

test('a restart of the gateway keeps what was counted, another configuration too', () => {
  const board = new Scoreboard(objectives)
  board.hear('1', signs(90, 10), beginMs)
  const state = JSON.parse(JSON.stringify(board.state)) as typeof board.state
  const again = new Scoreboard(objectives, state)
  assert.equal(again.scores(beginMs)[0]?.bad, 10)
  again.use(
    objectivesSchema.parse([
      { name: 'whole', sli: 'availability', target: 0.9 },
      { name: 'new', sli: 'resume', target: 0.9 },
    ]),
  )
  const [whole, fresh] = again.scores(beginMs)
  assert.deepEqual([whole?.target, whole?.bad, fresh?.bad], [0.9, 10, 0])
})

test('a burst of failures is told at once, and its mark on the budget is forecast later', () => {
  const board = new Scoreboard(objectives)
  const names = (atMs: number): string[] => board.conditions(atMs).map(({ name, severity }) => `${name} ${severity}`)
  // A day of a hundred calls an hour without failures.
  let good = 0
  for (let hour = 0; hour < 24; hour++) board.hear('1', signs((good += 100), 0), beginMs + hour * hourMs)
  assert.deepEqual(names(beginMs + 23 * hourMs), [])
  const badMs = beginMs + 24 * hourMs
  board.hear('1', signs(good + 50, 50), badMs)
  assert.deepEqual(names(badMs), ['ErrorBudgetBurn critical'])
  // Six hours later nothing burns any more; of the budget (1 % of 72,000 calls) a part is gone.
  for (let hour = 1; hour <= 8; hour++) board.hear('1', signs(good + 50 + hour * 100, 50), badMs + hour * hourMs)
  assert.deepEqual(names(badMs + 8 * hourMs), [])
  const left = board.scores(badMs + 8 * hourMs)[0]?.leftShare ?? 0
  assert.ok(left > 0.9 && left < 0.95, String(left))
})

test('a budget that goes on shrinking is told of days before it is gone, and when it is', () => {
  const board = new Scoreboard(
    objectivesSchema.parse([{ name: 'whole', sli: 'availability', target: 0.99, alert: 'ticket' }]),
  )
  let [good, bad] = [0, 0]
  const seen = new Set<string>()
  for (let hour = 0; hour < 24 * 30; hour++) {
    board.hear(
      '1',
      signs((good += 100), hour < 24 * 10 ? bad : (bad += hour % 2 === 0 ? 4 : 5)),
      beginMs + hour * hourMs,
    )
    for (const { name } of board.conditions(beginMs + hour * hourMs)) seen.add(name)
  }
  // 4.5 times too fast: that is an alert of its own, which says more.
  assert.deepEqual([...seen], ['ErrorBudgetBurn'])
  for (let hour = 24 * 30; hour < 24 * 31; hour++) board.hear('1', signs((good += 100), bad), beginMs + hour * hourMs)
  assert.deepEqual(
    board.conditions(beginMs + 24 * 31 * hourMs).map(({ name }) => name),
    ['ErrorBudgetSpent'],
  )
})

const fact = {
  route: 'chat',
  model: 'm',
  caller: '',
  isStream: true,
  outcome: 'failed',
  code: 'HF_UPSTREAM_CUT',
  firstTokenMs: 100,
  durationMs: 200,
  outputTokens: 5,
  seams: [],
  attempts: [
    { upstream: 'paid', code: 'HF_UPSTREAM_RATE_LIMITED' },
    { upstream: 'own', code: 'HF_UPSTREAM_RATE_LIMITED' },
  ],
} as unknown as ExchangeFact

test('a worker counts each call once for each objective it belongs to', () => {
  const counts = new CallCounts(objectivesSchema.parse(undefined), ['paid', 'idle'])
  counts.settled(fact)
  counts.settled({ ...fact, outcome: 'complete', code: null, attempts: [] })
  assert.deepEqual(counts.objectives, {
    availability: [1, 1],
    'first-token': [2, 0],
    'inter-token': [1, 0],
    continuation: [0, 1],
    resume: [0, 0],
  })
  assert.deepEqual(counts.quotas, { paid: { attempts: 1, limited: 1, spent: 0 } })
  assert.equal(counts.firstTokens.count, 2)
})

test('what planned maintenance does to a call counts for no objective', () => {
  const counts = new CallCounts(objectivesSchema.parse(undefined), [], ({ attempts }) =>
    attempts.every(({ upstream }) => upstream === 'closed'),
  )
  const attempt = { upstream: 'closed', code: 'HF_UPSTREAM_CUT' } as ExchangeFact['attempts'][number]
  counts.settled({ ...fact, attempts: [attempt] })
  assert.deepEqual(counts.objectives['availability'], [0, 0])
  counts.settled({ ...fact, attempts: [attempt, { ...attempt, upstream: 'open' }] })
  assert.deepEqual(counts.objectives['availability'], [0, 1])
})
