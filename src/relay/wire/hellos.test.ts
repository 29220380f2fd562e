/** What is remembered of peers that break on a large first message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { Hellos } from './hellos.ts'

const peer = 'a.example:443'

test('a peer that takes the small one only is greeted so for an hour, however many connections it has', () => {
  const clock = new ManualClock()
  const hellos = new Hellos(clock)
  assert.equal(hellos.isSmall(peer), false)
  hellos.worked(peer, true)
  assert.equal(hellos.isSmall(peer), true)
  assert.equal(hellos.isSmall('b.example:443'), false)
  for (let i = 0; i < 60; i++) {
    hellos.worked(peer, true)
    clock.advance(60_000)
  }
  assert.equal(hellos.isSmall(peer), false)
})

test('one that was late is greeted small at the next try, and that decides', () => {
  const hellos = new Hellos(new ManualClock())
  hellos.late(peer, false)
  assert.equal(hellos.isSmall(peer), true)
  hellos.late(peer, true)
  assert.equal(hellos.isSmall(peer), false, 'it was not that')
  hellos.late(peer, false)
  hellos.broke(peer)
  assert.equal(hellos.isSmall(peer), false)
})

test('no more peers are remembered than there is room for', () => {
  const hellos = new Hellos(new ManualClock())
  for (let i = 0; i < 2000; i++) hellos.worked(`${i}:443`, true)
  assert.equal(hellos.isSmall('0:443'), false)
  assert.equal(hellos.isSmall('1999:443'), true)
})
