// Which deployments an incident holds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploymentsSchema } from '../control/deployment-options.ts'
import type { Component } from '../status/component.ts'
import type { Affected, Level, Stage } from '../status/incident.ts'
import { troublesAmong } from './troubles-among.ts'

const releases = { v1: { command: ['serve'] } }
const deployments = deploymentsSchema.parse({
  small: { releases, models: ['small'] },
  large: { releases, models: ['large'] },
  any: { releases },
})
const component = (id: string, more: Partial<Component> = {}): Component => ({
  ...{ id, name: id, description: '', models: [id], routes: [], tiers: [], ...more },
})
const components = [component('small'), component('large'), component('page', { models: [], site: ['/'] })]
const affected = (id: string, level: Level): Affected => ({ component: id, level, worst: level, total: 9, bad: 9 })
const incident = (stage: Stage, ...all: Affected[]) => ({ stage, mergedInto: null, affected: all })

test('an incident of a model is one of the deployment that offers it, and of those that do not say what they offer', () => {
  assert.deepEqual(troublesAmong(deployments, [], components), {})
  const slow = incident('identified', affected('small', 'degraded_performance'))
  assert.deepEqual(troublesAmong(deployments, [slow], components), { small: 'incident', any: 'incident' })
  const down = incident('investigating', affected('large', 'major_outage'))
  assert.deepEqual(troublesAmong(deployments, [slow, down], components), {
    ...{ small: 'incident', large: 'outage', any: 'outage' },
  })
})

test('one that is over, a part of another, or about a site is none', () => {
  const over = incident('resolved', affected('small', 'operational'))
  const part = { ...incident('identified', affected('small', 'major_outage')), mergedInto: 'other' }
  const site = incident('identified', affected('page', 'major_outage'))
  assert.deepEqual(troublesAmong(deployments, [over, part, site], components), {})
})

test('a component of all calls is about every deployment', () => {
  const down = incident('monitoring', affected('api', 'operational'))
  assert.deepEqual(Object.keys(troublesAmong(deployments, [down], [component('api', { models: [] })])), [
    'small',
    'large',
    'any',
  ])
})
