// Tests of the way from an incident to its story.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedStoryOf, storyOf } from './incident-story.ts'

const beganMs = Date.parse('2026-11-25T10:00:00Z')
const incident = {
  ...{ beganMs, resolvedMs: beganMs + 45 * 60_000, blame: { class: 'overload' } },
  updates: [
    { atMs: beganMs + 30_000, stage: 'investigating', text: 'Some calls fail.', by: 'holdfast' },
    { atMs: beganMs + 20 * 60_000, stage: 'identified', text: 'We rolled back.', by: 'ada' },
    { atMs: beganMs + 45 * 60_000, stage: 'resolved', text: 'It is over.', by: 'holdfast' },
  ],
} as const

test('what people wrote is read, what a program wrote only tells the stage, and the end is no news', () => {
  assert.deepEqual(storyOf(incident, true), {
    ...{ beganMs, isOneOfSeveral: true, causeClass: 'overload' },
    updates: [
      { afterMin: 0.5, stage: 'investigating', text: '' },
      { afterMin: 20, stage: 'identified', text: 'We rolled back.' },
    ],
  })
})

test('one that is over has a length, one that is not has none, and a clock that went back makes none below 0', () => {
  assert.equal(endedStoryOf(incident, false)?.minutes, 45)
  assert.equal(endedStoryOf({ ...incident, resolvedMs: null, blame: null }, false), null)
  assert.equal(endedStoryOf({ ...incident, resolvedMs: beganMs - 1 }, false)?.minutes, 0)
})
