// Which calls harm a component: those that failed through no fault of the caller; pages and applications are no calls.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import type { CallFact, SumFact } from '../observe/fact.ts'
import { readHarm, tallyAll } from './read-news.ts'

const all = { id: 'all', name: 'all', description: '', models: [], routes: [], tiers: [] }

const sum = (route: string, code: FaultCode): SumFact =>
  ({
    kind: 'sum',
    atMs: 1,
    route,
    model: 'unknown',
    outcome: 'failed',
    code,
    count: 5,
    slowCount: 0,
    tier: 'standard',
    caller: '',
  }) as unknown as SumFact
const call = (route: string, code: FaultCode): CallFact =>
  ({
    kind: 'call',
    atMs: 1,
    route,
    model: '',
    outcome: 'failed',
    code,
    tier: 'standard',
    caller: '',
  }) as unknown as CallFact

test('a call that fails harms, an application that fails does not', () => {
  const of = (route: string, code: FaultCode): readonly [failed: number, listed: boolean] => {
    const harm = readHarm([sum(route, code)], [call(route, code)], [all])
    return [harm.tallies.get('all')?.failed ?? 0, harm.failed.has('all')]
  }
  assert.deepEqual(of('chat', 'HF_UPSTREAM_REFUSED'), [5, true])
  assert.deepEqual(of('chat', 'HF_BAD_JSON'), [0, false])
  assert.deepEqual(of('web', 'HF_APP_UNREACHABLE'), [0, false])
  assert.equal(tallyAll([sum('web', 'HF_APP_TIMEOUT'), sum('chat', 'HF_UPSTREAM_REFUSED')]).failed, 5)
})
