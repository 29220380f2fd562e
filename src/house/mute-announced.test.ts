// Which alerts are about what is under planned maintenance.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Condition } from '../alert/condition.ts'
import { checkConfig } from '../config.ts'
import { type Announced, muteAnnounced } from './mute-announced.ts'

const url = 'http://127.0.0.1:1/v1'
const config = checkConfig({
  upstreams: { a: { url }, b: { url }, c: { url } },
  pools: { two: { upstreams: ['a', { name: 'b', weight: 2 }] }, one: { upstreams: ['c'] } },
  objectives: [
    { name: 'both', sli: 'availability', target: 0.99, models: ['m', 'n'] },
    { name: 'any', sli: 'availability', target: 0.99 },
  ],
})
const about = (labels: Record<string, string>): Condition => ({
  ...{ name: 'X', severity: 'critical', labels, summary: 's', cure: 'c' },
})
const [early, late] = [
  { title: 'early', untilMs: 1 },
  { title: 'late', untilMs: 2 },
]

function windowFor(labels: Record<string, string>, announced: Partial<Announced>): string | undefined {
  const all = { upstreams: new Map(), models: new Map(), all: null, ...announced }
  const { told, muted } = muteAnnounced([about(labels)], all, config, () => false)
  assert.equal(told.length + muted.length, 1)
  return muted[0]?.window.title
}

test('an upstream that is closed, a pool of which all are, an objective of which all models are', () => {
  const upstreams = new Map([['a', late]])
  assert.equal(windowFor({ upstream: 'a' }, { upstreams }), 'late')
  assert.equal(windowFor({ upstream: 'b' }, { upstreams }), undefined)
  assert.equal(windowFor({ pool: 'two' }, { upstreams }), undefined)
  assert.equal(windowFor({ pool: 'two' }, { upstreams: new Map([...upstreams, ['b', early]]) }), 'early')
  assert.equal(windowFor({ pool: 'gone' }, { upstreams }), undefined)
  assert.equal(windowFor({ objective: 'both', sli: 'availability' }, { models: new Map([['m', late]]) }), undefined)
  const models = new Map([...['m', 'n'].map((name) => [name, late] as const)])
  assert.equal(windowFor({ objective: 'both', sli: 'availability' }, { models }), 'late')
  assert.equal(windowFor({ objective: 'any', sli: 'availability' }, { models }), undefined)
  assert.equal(windowFor({ objective: 'any', sli: 'availability' }, { all: early }), 'early')
})

test('the disk and the workers are under no maintenance, and names that every object has are none', () => {
  assert.equal(windowFor({}, { all: late, upstreams: new Map([['a', late]]) }), undefined)
  assert.equal(windowFor({ worker: '0' }, { all: late }), undefined)
  for (const label of ['upstream', 'pool', 'objective'])
    assert.equal(windowFor({ [label]: 'constructor' }, { upstreams: new Map([['a', late]]) }), undefined)
})
