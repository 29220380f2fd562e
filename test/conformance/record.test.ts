// The contract of the record, on each of its engines: what was noted is found, by ray, by page and by time.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import type { ExchangeFact } from '../../src/observe/exchange-fact.ts'
import { type FactKind, factKinds, type Note } from '../../src/observe/fact.ts'
import { type FactShelf, Recording } from '../../src/observe/recording.ts'
import { MemoryRecord } from '../../src/store/memory-record.ts'
import type { Entry, RecordReader } from '../../src/store/record.ts'
import { recordSchema } from '../../src/store/record-options.ts'
import { SqliteRecord } from '../../src/store/sqlite-record.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'
import { calls, notes } from './facts.ts'

interface Stage extends Disposable {
  readonly clock: ManualClock
  readonly recording: Recording
  /** All that was noted can be read from now on. */
  readonly read: () => RecordReader
}

const silent = { warn: () => {} }
const node = 'worker-0/1'

function onDisk(): { shelf: (clock: ManualClock) => FactShelf; read: () => RecordReader; end: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const path = join(folder, 'record.db')
  return {
    shelf: (clock) => new SqliteRecord(path, clock, node, silent),
    read: () => new RecordQuery(path),
    end: () => rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }),
  }
}

function inMemory(): ReturnType<typeof onDisk> {
  const shelf = new MemoryRecord(node)
  return { shelf: () => shelf, read: () => shelf, end: () => {} }
}

function openStage(engine: typeof onDisk, options: object = {}): Stage {
  const { shelf, read, end } = engine()
  const clock = new ManualClock()
  const recording = new Recording(clock, recordSchema.parse(options), shelf(clock))
  return {
    clock,
    recording,
    read: () => {
      clock.advance(1000)
      return read()
    },
    [Symbol.dispose]: () => {
      recording[Symbol.dispose]()
      end()
    },
  }
}

/** What was told of a fact, as it is read: times of calls have one decimal. */
function asRead(entry: Entry): Record<string, unknown> {
  const { atMs, node: where, ...fact } = entry.fact
  assert.equal(where, node)
  assert.ok(Number.isInteger(atMs))
  return JSON.parse(JSON.stringify(fact)) as Record<string, unknown>
}

function noted(note: Note): Record<string, unknown> {
  const told = { ray: null, upstream: null, code: null, ...(JSON.parse(JSON.stringify(note)) as object) }
  return told.code === 'HF_CALL_REFUSED' && 'detail' in told ? { ...told, detail: '' } : told
}

function settled(account: ExchangeFact): Record<string, unknown> {
  const { atMs, isModelKnown, trace, ...fact } = account
  assert.ok(atMs > 0 && typeof isModelKnown === 'boolean')
  const isRefusal = (code: string | null): boolean => code === 'HF_CALL_REFUSED'
  return {
    kind: 'call',
    upstream: fact.attempts.at(-1)?.upstream ?? null,
    isEventful: true,
    ...fact,
    traceId: trace?.traceId ?? null,
    detail: isRefusal(fact.code) ? '' : fact.detail,
    attempts: fact.attempts.map((each) => ({ ...each, detail: isRefusal(each.code) ? '' : each.detail })),
  }
}

for (const [name, engine] of Object.entries({ sqlite: onDisk, memory: inMemory }))
  describe(`the record (${name})`, () => {
    test('gives back what was noted, whatever words others chose', () => {
      fc.assert(
        fc.property(fc.array(notes, { maxLength: 30 }), (given) => {
          using stage = openStage(engine)
          for (const note of given) stage.recording.note(note)
          using reader = stage.read()
          const { entries, next } = reader.latest({}, 1000)
          assert.deepEqual(entries.map(asRead).toReversed(), given.map(noted))
          assert.equal(next, null)
        }),
        { numRuns: 30 },
      )
    })

    test('gives back the accounts of calls, and finds all that is of one ray', () => {
      const clock = new ManualClock()
      fc.assert(
        fc.property(fc.array(calls(clock.nowMs()), { maxLength: 20 }), fc.array(notes), (accounts, others) => {
          // Slow by definition: all are kept.
          using stage = openStage(engine, { slowMs: 1 })
          const eventful = accounts.map((each) => ({ ...each, code: each.code ?? ('HF_INTERNAL' as const) }))
          for (const each of eventful) stage.recording.call(each)
          for (const note of others) stage.recording.note(note)
          using reader = stage.read()
          const all = [...eventful.map(settled), ...others.map(noted)]
          for (const ray of ['r1', 'r2', 'r3', 'r4', 'r5'])
            assert.deepEqual(
              reader.byRay(ray).map(asRead),
              all.filter((each) => each['ray'] === ray),
            )
        }),
        { numRuns: 30 },
      )
    })

    test('pages hold every fact that is wanted once, the newest first', () => {
      const wish = fc.record(
        {
          kinds: fc.uniqueArray(fc.constantFrom(...(Object.keys(factKinds) as FactKind[])), { minLength: 1 }),
          upstream: fc.constantFrom('a', 'b'),
          code: fc.constantFrom('HF_DNS_FAILED', 'HF_UPSTREAM_CUT', 'HF_LOOP'),
        },
        { requiredKeys: [] },
      )
      const moments = fc.array(fc.record({ note: notes, pauseMs: fc.nat(3) }), { maxLength: 60 })
      fc.assert(
        fc.property(moments, wish, fc.integer({ min: 1, max: 7 }), (given, filter, size) => {
          using stage = openStage(engine)
          for (const { note, pauseMs } of given) {
            stage.recording.note(note)
            stage.clock.advance(pauseMs)
          }
          using reader = stage.read()
          const found: Entry[] = []
          let cursor: number | null = null
          do {
            const page = reader.latest(filter, size, cursor)
            assert.ok(page.entries.length <= size)
            found.push(...page.entries)
            cursor = page.next
          } while (cursor !== null)
          const { kinds, upstream, code } = filter
          const wanted = given
            .map(({ note }) => noted(note))
            .filter(
              (each) =>
                (!kinds || kinds.includes(each['kind'] as FactKind)) &&
                (upstream === undefined || each['upstream'] === upstream) &&
                (code === undefined || each['code'] === code),
            )
          assert.deepEqual(found.map(asRead), wanted.toReversed())
        }),
        { numRuns: 60 },
      )
    })

    test('what happened around a moment comes in order of time, and nothing else', () => {
      using stage = openStage(engine)
      const startMs = stage.clock.nowMs()
      for (let i = 0; i < 100; i++) {
        stage.recording.note({ kind: 'line', pool: 'p', tier: 't', waiting: i })
        stage.recording.note({ kind: 'journal', state: 'error', detail: `${i}` })
        stage.clock.advance(10)
      }
      using reader = stage.read()
      const time = { fromMs: startMs + 200, toMs: startMs + 300 }
      const around = reader.earliest({ ...time, kinds: ['line'] }, 1000)
      assert.deepEqual(
        around.map(({ fact }) => fact.kind === 'line' && fact.waiting),
        [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
      )
      assert.equal(reader.earliest(time, 1000).length, 20)
      const first = reader.earliest({ kinds: ['journal'], fromMs: startMs + 200 }, 3)
      assert.deepEqual(
        first.map(({ fact }) => fact.kind === 'journal' && fact.detail),
        ['20', '21', '22'],
      )
    })

    test('troubles do not drop out under calls to which nothing happened', () => {
      using stage = openStage(engine, { slowMs: 60_000 })
      const [any] = fc.sample(calls(stage.clock.nowMs()), { numRuns: 1, seed: 1 }) as [ExchangeFact]
      const good: ExchangeFact = { ...any, outcome: 'complete', code: null, seams: [], attempts: [], durationMs: 1 }
      const call = (ray: string, more: Partial<ExchangeFact>): void =>
        stage.recording.call({ ...good, ...more, ray: ray as ExchangeFact['ray'], atMs: stage.clock.nowMs() })
      call('bad', { outcome: 'failed', code: 'HF_LOOP' })
      stage.recording.note({ kind: 'journal', state: 'full', detail: '' })
      for (let second = 0; second < 60; second++) {
        for (let i = 0; i < 5; i++) call(`good-${second}-${i}`, {})
        stage.clock.advance(1000)
      }
      using reader = stage.read()
      const wish = { kinds: ['call', 'journal'] as const }
      assert.equal(reader.latest(wish, 1000).entries.length, 302)
      const { entries } = reader.latest({ ...wish, isEventful: true }, 200)
      assert.deepEqual(
        entries.map(({ fact }) => fact.ray ?? fact.kind),
        ['journal', 'bad'],
      )
      assert.equal(reader.lastFailure()?.fact.ray, 'bad')
    })

    test('the last failure is the last call with a fault', () => {
      using stage = openStage(engine)
      const [good] = fc.sample(calls(stage.clock.nowMs()), { numRuns: 1, seed: 1 }) as [ExchangeFact]
      assert.equal(stage.read().lastFailure(), null)
      stage.recording.call({ ...good, ray: 'x1' as ExchangeFact['ray'], code: 'HF_LOOP', atMs: stage.clock.nowMs() })
      stage.recording.call({ ...good, ray: 'x2' as ExchangeFact['ray'], code: null, atMs: stage.clock.nowMs() })
      using reader = stage.read()
      assert.equal(reader.lastFailure()?.fact.ray, 'x1')
    })

    test('sums are true of all calls, however few are kept one by one', () => {
      const clock = new ManualClock()
      fc.assert(
        fc.property(fc.array(calls(clock.nowMs()), { maxLength: 200 }), fc.nat(5), (accounts, kept) => {
          const limits = { uneventfulPerSecond: kept, eventfulPerSecond: 1 + kept }
          using stage = openStage(engine, limits)
          const fromMs = stage.clock.nowMs()
          for (const each of accounts) {
            stage.recording.call(each)
            stage.clock.advance(100)
          }
          stage.clock.advance(11_000)
          using reader = stage.read()
          const counts = reader.counts(fromMs, stage.clock.nowMs() + 1)
          const sumOf = (field: 'count' | 'outputTokens' | 'attemptCount' | 'firstTokenCount'): number =>
            counts.reduce((sum, each) => sum + each[field], 0)
          assert.equal(sumOf('count'), accounts.length)
          assert.equal(
            sumOf('outputTokens'),
            accounts.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0),
          )
          assert.equal(
            sumOf('attemptCount'),
            accounts.reduce((sum, { attempts }) => sum + attempts.length, 0),
          )
          for (const outcome of ['complete', 'failed', 'cancelled'])
            assert.equal(
              counts.filter((each) => each.outcome === outcome).reduce((sum, { count }) => sum + count, 0),
              accounts.filter((each) => each.outcome === outcome).length,
            )
        }),
        { numRuns: 20 },
      )
    })
  })
