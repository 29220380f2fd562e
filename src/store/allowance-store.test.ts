// What keys have used, by all keepers alike: never more than allowed, all or nothing, and given back what was not used.
import assert from 'node:assert/strict'
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../ground/manual-clock.ts'
import type { AllowanceStore, Ask } from './allowance-store.ts'
import { MemoryAllowances } from './memory-allowances.ts'
import { SqliteAllowances } from './sqlite-allowances.ts'

const minuteMs = 60_000

/** Each keeper with as many doors to it as processes would have. */
const keepers = {
  memory: (clock: ManualClock) => {
    const store = new MemoryAllowances(clock)
    return { doors: [store, store], [Symbol.dispose]: () => {} }
  },
  sqlite: (clock: ManualClock) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-usage-'))
    const doors = ['a', 'b'].map((node) => new SqliteAllowances(join(folder, 'usage.db'), clock, node))
    const close = (): void => {
      for (const door of doors) door[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    }
    return { doors, [Symbol.dispose]: close }
  },
} satisfies Record<string, (clock: ManualClock) => { doors: AllowanceStore[] } & Disposable>

const perMinute = (amount: number, limit: number): Ask['wishes'][number] => ({
  kind: 'requestsPerMinute',
  amount,
  limit,
})

for (const [name, open] of Object.entries(keepers)) {
  test(`${name}: a minute's calls may come at once, then one by one as the minute goes on`, () => {
    const clock = new ManualClock()
    using keeper = open(clock)
    const take = (door: number) =>
      keeper.doors[door % 2]?.take({ key: 'k', wishes: [perMinute(1, 6)], callsMax: null }) ?? assert.fail()
    for (let i = 0; i < 6; i++) assert(take(i).isGranted)
    assert.partialDeepStrictEqual(take(0), { isGranted: false, kind: 'requestsPerMinute', waitMs: 10_000 })
    clock.advance(9999)
    assert(!take(1).isGranted)
    clock.advance(1)
    assert(take(1).isGranted)
    assert(!take(0).isGranted)
  })

  test(`${name}: whatever is asked when, no minute gives more than two minutes' worth, no day more than its own`, () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 40_000 }),
      tokens: fc.integer({ min: 1, max: 400 }),
      door: fc.integer({ min: 0, max: 1 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new ManualClock()
        using keeper = open(clock)
        const granted: { atMs: number; tokens: number }[] = []
        for (const { afterMs, tokens, door } of steps) {
          clock.advance(afterMs)
          const wishes = [
            { kind: 'tokensPerMinute', amount: tokens, limit: 500 } as const,
            { kind: 'tokensPerDay', amount: tokens, limit: 2000 } as const,
          ]
          const taken = keeper.doors[door]?.take({ key: 'k', wishes, callsMax: null })
          if (taken?.isGranted) granted.push({ atMs: clock.nowMs(), tokens })
          else assert(taken?.waitMs !== null && (taken?.waitMs ?? 0) > 0)
        }
        const sum = (from: number, to: number): number =>
          granted.filter(({ atMs }) => atMs >= from && atMs < to).reduce((all, { tokens }) => all + tokens, 0)
        for (const { atMs } of granted) assert(sum(atMs, atMs + minuteMs) <= 1000 + 1e-6)
        for (const day of new Set(granted.map(({ atMs }) => Math.floor(atMs / 86_400_000))))
          assert(sum(day * 86_400_000, (day + 1) * 86_400_000) <= 2000)
      }),
      { numRuns: name === 'sqlite' ? 20 : 200 },
    )
  })

  test(`${name}: of several limits all must do, and what is refused takes nothing`, () => {
    const clock = new ManualClock()
    using keeper = open(clock)
    const [door] = keeper.doors
    const ask = (tokens: number): Ask => ({
      key: 'k',
      wishes: [perMinute(1, 100), { kind: 'tokensPerDay', amount: tokens, limit: 100 }],
      callsMax: null,
    })
    assert(door?.take(ask(90)).isGranted)
    const refused = door?.take(ask(20))
    assert(refused && !refused.isGranted && refused.kind === 'tokensPerDay')
    assert.equal(door?.used('k').get('k')?.get('requestsPerMinute'), 1)
    door?.give({ key: 'k', amounts: [{ kind: 'tokensPerDay', amount: -60, limit: 100 }], isOver: true })
    clock.advance(100)
    assert(door?.take(ask(20)).isGranted)
    clock.advance(2 * 86_400_000)
    assert.equal(door?.used('k').get('k')?.get('tokensPerDay'), 0, 'a new day begins with nothing')
  })

  test(`${name}: so many calls at once, whichever process has them; those of a dead one are over`, () => {
    const clock = new ManualClock()
    using keeper = open(clock)
    const [a, b] = keeper.doors
    const ask: Ask = { key: 'k', wishes: [], callsMax: 2 }
    assert(a?.take(ask).isGranted)
    assert(b?.take(ask).isGranted)
    assert.equal(a?.take(ask).isGranted, false)
    b?.give({ key: 'k', amounts: [], isOver: true })
    clock.advance(100)
    assert(a?.take(ask).isGranted)
  })

  test(`${name}: a call beyond all that there ever is, is let through once nothing is used, and paid off`, () => {
    const clock = new ManualClock()
    using keeper = open(clock)
    const [door] = keeper.doors
    const ask: Ask = { key: 'k', wishes: [{ kind: 'tokensPerMinute', amount: 1500, limit: 500 }], callsMax: null }
    assert(door?.take(ask).isGranted)
    const refused = door?.take(ask)
    assert(refused && !refused.isGranted && refused.waitMs === 3 * minuteMs)
  })

  test(`${name}: what is no number is not written down, and the counting goes on`, () => {
    const clock = new ManualClock()
    using keeper = open(clock)
    const [door] = keeper.doors
    const ask: Ask = { key: 'k', wishes: [perMinute(1, 3)], callsMax: null }
    assert(door?.take(ask).isGranted)
    for (const amount of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      door?.give({ key: 'k', amounts: [{ kind: 'requestsPerMinute', amount, limit: 3 }], isOver: false })
    clock.advance(100)
    assert(door?.take(ask).isGranted)
    assert(door?.take(ask).isGranted)
    assert.equal(door?.take(ask).isGranted, false)
  })

  test(`${name}: a clock that steps back neither forgives nor punishes`, () => {
    const clock = new ManualClock()
    clock.advance(10 * minuteMs)
    using keeper = open(clock)
    const [door] = keeper.doors
    const ask: Ask = { key: 'k', wishes: [perMinute(1, 2)], callsMax: null }
    assert(door?.take(ask).isGranted)
    assert(door?.take(ask).isGranted)
    clock.jumpMs(-5 * minuteMs)
    const refused = door?.take(ask)
    assert(refused && !refused.isGranted && refused.waitMs === minuteMs / 2)
    clock.advance(minuteMs / 2)
    assert(door?.take(ask).isGranted)
  })
}

test('sqlite: calls of a process that is dead count no more after a while', () => {
  const clock = new ManualClock()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-usage-'))
  const path = join(folder, 'usage.db')
  const ask: Ask = { key: 'k', wishes: [], callsMax: 1 }
  const dead = new SqliteAllowances(path, new ManualClock(), 'dead') // its clock stands still: it is silent
  assert(dead.take(ask).isGranted)
  using alive = new SqliteAllowances(path, clock, 'alive')
  assert.equal(alive.take(ask).isGranted, false)
  clock.advance(20_000)
  assert(alive.take(ask).isGranted)
  dead[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

test('sqlite: calls of a process that is said to be dead count no more at once, those of others do', () => {
  const clock = new ManualClock()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-usage-'))
  const path = join(folder, 'usage.db')
  const ask: Ask = { key: 'k', wishes: [], callsMax: 2 }
  {
    using dead = new SqliteAllowances(path, clock, 'dead')
    using alive = new SqliteAllowances(path, clock, 'alive')
    assert(dead.take(ask).isGranted)
    assert(alive.take(ask).isGranted)
    assert.equal(alive.take(ask).isGranted, false)
    alive.bury('alive') // nobody is buried by himself
    alive.bury('dead')
    assert(alive.take(ask).isGranted)
    assert.equal(alive.take(ask).isGranted, false)
  }
  rmSync(folder, { recursive: true })
})

test('sqlite: a damaged file is laid aside, and limits hold again', () => {
  const clock = new ManualClock()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-usage-'))
  const path = join(folder, 'usage.db')
  const ask: Ask = { key: 'k', wishes: [perMinute(1, 2)], callsMax: null }
  writeFileSync(path, 'this is no database, and long enough to be looked at as one'.repeat(100))
  {
    using store = new SqliteAllowances(path, clock, 'a')
    assert.deepEqual(
      [1, 2, 3].map(() => store.take(ask).isGranted),
      [true, true, false],
    )
  }
  assert(existsSync(`${path}.damaged`))
  {
    using store = new SqliteAllowances(path, clock, 'b')
    const file = openSync(path, 'r+')
    ftruncateSync(file, 0)
    writeSync(file, Buffer.alloc(64 * 1024, 0x55))
    closeSync(file)
    // Whoever finds it lets one call pass; from then on there is a new one.
    assert.throws(() => store.take(ask))
    assert.deepEqual(
      [1, 2, 3].map(() => store.take(ask).isGranted),
      [true, true, false],
    )
  }
  rmSync(folder, { recursive: true })
})

test('sqlite: while another process holds the file nothing is counted, and what was given back then is not lost', () => {
  const clock = new ManualClock()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-usage-'))
  const path = join(folder, 'usage.db')
  const ask: Ask = { key: 'k', wishes: [perMinute(1, 3)], callsMax: null }
  using store = new SqliteAllowances(path, clock, 'a')
  for (let i = 0; i < 3; i++) assert(store.take(ask).isGranted)
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  store.give({ key: 'k', amounts: [{ kind: 'requestsPerMinute', amount: -1, limit: 3 }], isOver: false })
  const waits = Array.from({ length: 12 }, () => {
    const beganMs = performance.now()
    assert.throws(() => store.take(ask), /locked/)
    return performance.now() - beganMs
  })
  // The first waits for a while, in the hope that it is soon over; no other does, or all streams would stand still.
  assert(Math.min(...waits.slice(1)) < (waits[0] ?? 0) / 4, waits.join())
  clock.advance(200)
  other.exec('COMMIT')
  other.close()
  assert.deepEqual(
    [1, 2].map(() => store.take(ask).isGranted),
    [true, false],
  )
  rmSync(folder, { recursive: true })
})
