// The pure parts of counting visitors: tokens in a bounded book, who comes most often, when it is an attack.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { Guest, GuestBook } from './guest-book.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { placeOf } from './place.ts'
import { levelMax, Shield } from './shield.ts'

const rate = { perSecond: 2, burst: 4 }

describe('a guest', () => {
  test('has a burst, then a rate, and is told when the next token comes', () => {
    const guest = new Guest(0)
    assert.deepEqual(
      Array.from({ length: 5 }, () => guest.take(rate, 0)),
      [true, true, true, true, false],
    )
    assert.equal(guest.waitMs(rate, 0), 500)
    assert.equal(guest.take(rate, 499), false)
    assert.equal(guest.take(rate, 500), true)
    assert.equal(guest.take(rate, 500), false)
  })

  test('never gets more than burst and rate allow, whenever it asks', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 300 }), (pauses) => {
        const guest = new Guest(0)
        let nowMs = 0
        let taken = 0
        for (const pauseMs of pauses) {
          nowMs += pauseMs
          if (guest.take(rate, nowMs)) taken++
        }
        assert.ok(taken <= rate.burst + (nowMs / 1000) * rate.perSecond + 1e-6)
        assert.ok(guest.share >= 0 && guest.share <= 1)
      }),
    )
  })
})

describe('the book of guests', () => {
  test('is never larger than it may be, and keeps who has spent his tokens before who has not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 400 }), (keys) => {
        const book = new GuestBook(8)
        for (const key of keys) book.at(String(key), rate, 0)
        assert.ok(book.size <= 8)
      }),
    )
    const book = new GuestBook(8)
    const busy = book.at('busy', rate, 0)
    for (let i = 0; i < 4; i++) busy.take(rate, 0)
    for (let i = 0; i < 1000; i++) book.at(`idle ${i}`, rate, 0)
    assert.equal(book.find('busy'), busy)
    assert.equal(book.at('busy', rate, 0).take(rate, 0), false)
  })

  test('forgets somebody even where nobody may be forgotten', () => {
    const book = new GuestBook(4)
    for (let i = 0; i < 50; i++) book.at(`busy ${i}`, rate, 0).take(rate, 0)
    assert.equal(book.size, 4)
  })
})

test('who has more than his share of all is among the heavy hitters, and no count is too small', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 500 }), (keys) => {
      const size = 6
      const hitters = new HeavyHitters(size)
      const truth = new Map<string, number>()
      for (const each of keys) {
        hitters.add(String(each))
        truth.set(String(each), (truth.get(String(each)) ?? 0) + 1)
      }
      const top = hitters.top(size)
      assert.ok(top.length <= size)
      for (const { key, count, error } of top) {
        const real = truth.get(key) ?? 0
        assert.ok(count >= real && count - error <= real && error <= keys.length / size)
      }
      for (const [key, count] of truth) if (count > keys.length / size) assert.ok(top.some((each) => each.key === key))
    }),
  )
})

describe('the shield', () => {
  const options = { beginPerSecond: 100, easeMs: 10_000 }
  const storm = { turnedAway: 1000, answered: 1000 }
  const calm = { turnedAway: 0, answered: 0 }

  test('is raised at once, further while it does not help, and lowered step by step when it is calm', () => {
    const shield = new Shield(options)
    const levels: number[] = []
    for (let s = 1; s <= 50; s++) {
      shield.tick(s <= 10 ? storm : calm, s * 1000)
      levels.push(shield.level)
    }
    assert.deepEqual(levels.slice(0, 8), [1, 1, 1, 2, 2, 2, 3, 3])
    assert.deepEqual([levels[18], levels[19], levels[29], levels[39], levels[49]], [3, 2, 1, 0, 0])
  })

  test('stays as it is where most is closed unread, and while the attack pauses', () => {
    const shield = new Shield(options)
    shield.tick(storm, 1000)
    for (let s = 2; s < 30; s++) shield.tick({ turnedAway: 1000, answered: 5 }, s * 1000)
    assert.equal(shield.level, 1)
    for (let s = 30; s < 36; s++) shield.tick(calm, s * 1000)
    assert.equal(shield.level, 1)
  })

  test('moves by one step, within its bounds, whatever comes', () => {
    const second = fc.record({ turnedAway: fc.nat(500), answered: fc.nat(500) })
    fc.assert(
      fc.property(fc.array(second, { maxLength: 100 }), (seconds) => {
        const shield = new Shield({ beginPerSecond: 100, easeMs: 3000 })
        for (const [s, each] of seconds.entries()) {
          const before = shield.level
          const isChanged = shield.tick(each, (s + 1) * 1000)
          assert.equal(isChanged, shield.level !== before)
          assert.ok(Math.abs(shield.level - before) <= 1 && shield.level >= 0 && shield.level <= levelMax)
        }
      }),
    )
  })
})

test('an address belongs to a network; of IPv6 a /64 is one visitor, however it is written', () => {
  assert.deepEqual(placeOf('192.0.2.77'), { unit: '192.0.2.77', network: '192.0.2.0/24' })
  const site = { unit: '2001:db8:1:2::/64', network: '2001:db8:1::/48' }
  for (const address of ['2001:db8:1:2::1', '2001:0db8:0001:0002:3:4:5:6', '2001:DB8:1:2:0:0:1.2.3.4'])
    assert.deepEqual(placeOf(address), site, address)
  assert.deepEqual(placeOf('::1'), { unit: '0:0:0:0::/64', network: '0:0:0::/48' })
  assert.equal(placeOf('nobody'), null)
  fc.assert(
    fc.property(fc.ipV6(), (address) => assert.match(placeOf(address)?.unit ?? '', /^([\da-f]{1,4}:){4}:\/64$/)),
  )
})
