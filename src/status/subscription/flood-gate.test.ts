// So many times an hour for each visitor, whatever addresses it has.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FloodGate } from './flood-gate.ts'

const hourMs = 3_600_000

test('one visitor waits until the first of its requests is an hour old; others do not', () => {
  const gate = new FloodGate(2)
  assert.deepEqual([gate.waitMs('192.0.2.1', 0), gate.waitMs('192.0.2.1', 1000)], [0, 0])
  assert.equal(gate.waitMs('192.0.2.1', 2000), hourMs - 2000)
  assert.equal(gate.waitMs('::ffff:192.0.2.1', 3000), hourMs - 3000, 'another spelling')
  assert.equal(gate.waitMs('192.0.2.2', 2000), 0)
  assert.equal(gate.waitMs('192.0.2.1', hourMs), 0)
  assert.equal(gate.waitMs('192.0.2.1', hourMs), 1000)
})

test('a network of IPv6 is one visitor', () => {
  const gate = new FloodGate(1)
  assert.equal(gate.waitMs('2001:db8:1:2::1', 0), 0)
  for (const same of ['2001:db8:1:2::2', '2001:0db8:0001:0002:ffff:0:0:9', '2001:db8:1:2:0:0:0:1%eth0'])
    assert.ok(gate.waitMs(same, 1) > 0, same)
  assert.equal(gate.waitMs('2001:db8:1:3::1', 1), 0)
  assert.equal(gate.waitMs('::1', 1), 0)
})

test('a clock that was set back locks nobody out, and many visitors fill no memory', () => {
  const gate = new FloodGate(1)
  gate.waitMs('192.0.2.1', 10 * hourMs)
  assert.equal(gate.waitMs('192.0.2.1', 0), 0)
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 50_000; i++) gate.waitMs(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i)
  assert.ok(process.memoryUsage().heapUsed - before < 32e6)
})
