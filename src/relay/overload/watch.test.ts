/** The watch over this process: what it reads, what it says, and what it does about the disk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../ground/clock.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import type { Note } from '../../observe/fact.ts'
import type { Log } from '../../observe/log.ts'
import { noRecorder } from '../../observe/recorder.ts'
import { LoopDelay } from './loop-delay.ts'
import { Pressure } from './pressure.ts'
import { protectionSchema } from './protection.ts'
import { Watch } from './watch.ts'

const gib = 2 ** 30

interface Stage extends Disposable {
  readonly clock: ManualClock
  readonly pressure: Pressure
  readonly lines: string[]
  readonly facts: Note[]
  readonly now: { heapBytes: number; residentBytes: number; freeBytes: number; journalBytes: number }
  readonly counts: { collected: number; compacted: number; changed: number }
}

function openStage(room?: () => Promise<null>): Stage {
  const clock = new ManualClock()
  const pressure = new Pressure(seededRandom(1))
  const lines: string[] = []
  const now = { heapBytes: 0, residentBytes: 0, freeBytes: 100 * gib, journalBytes: 0 }
  const counts = { collected: 0, compacted: 0, changed: 0 }
  const note = (facts: object, message: string): void => void lines.push(`${message} ${JSON.stringify(facts)}`)
  const log: Log = { debug: note, info: note, warn: note, error: note, call: () => {}, flush: () => {} }
  const facts: Note[] = []
  const recorder = { ...noRecorder, note: (fact: Note) => void facts.push(fact) }
  const watch = new Watch({
    clock,
    log,
    recorder,
    pressure,
    options: protectionSchema.parse({}),
    collect: () => counts.collected++,
    compact: () => counts.compacted++,
    onChange: () => counts.changed++,
    sources: {
      vitals: () => ({ heapBytes: now.heapBytes, heapBytesMax: gib, residentBytes: now.residentBytes }),
      room: room ?? (async () => ({ freeBytes: now.freeBytes, totalBytes: 1000 * gib })),
      connections: () => 0,
      connectionsMax: 100,
      journalBytes: () => now.journalBytes,
      journalBytesMax: gib,
      memoryBytesMax: gib,
    },
  })
  return { clock, pressure, lines, facts, now, counts, [Symbol.dispose]: () => watch[Symbol.dispose]() }
}

test('what changes is told once, in words that say what is done and why', () => {
  using stage = openStage()
  const { clock, now, lines, facts, counts } = stage
  clock.advance(5000)
  assert.deepEqual(lines, [])
  now.heapBytes = 0.98 * gib
  clock.advance(5000)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /under pressure: new calls are refused; what is under way goes on .*"heap","share":0.98/)
  now.heapBytes = 0
  clock.advance(10_000)
  assert.match(lines.at(-1) ?? '', /the pressure is off: all measures are lifted/)
  assert.equal(lines.length, 5, 'each rung on the way down')
  assert.equal(counts.changed, lines.length)
  assert.equal(facts.length, lines.length, 'and the record is told the same')
  const rungs = facts.map((fact) => fact.kind === 'pressure' && `${fact.rungBefore} ${fact.rung}`)
  assert.deepEqual(rungs, ['calm refuse', 'refuse shed', 'shed part', 'part trim', 'trim calm'])
})

test('a wall clock that is set forward or back changes nothing', () => {
  using stage = openStage()
  const { clock, now, pressure } = stage
  now.heapBytes = 0.98 * gib
  clock.advance(1000)
  assert.equal(pressure.rung, 'refuse')
  for (const jumpMs of [86_400_000, -172_800_000]) {
    clock.jumpMs(jumpMs)
    clock.advance(1000)
    assert.equal(pressure.rung, 'refuse', 'a jump is no second of calm')
  }
  now.heapBytes = 0
  clock.jumpMs(-86_400_000)
  clock.advance(10_000)
  assert.equal(pressure.rung, 'calm')
})

test('a disk that fills up: the files are made compact now and then, and in the end calls are refused', async () => {
  using stage = openStage()
  const { clock, now, pressure, counts, lines } = stage
  const ask = async (): Promise<void> => {
    clock.advance(2000)
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(250)
  }
  await ask()
  assert.deepEqual([pressure.storeRung, counts.compacted], ['calm', 0])
  now.freeBytes = 0.4 * gib
  await ask()
  assert.deepEqual([pressure.storeRung, counts.compacted], ['compact', 1])
  clock.advance(60_000)
  assert.equal(counts.compacted, 5, 'every 15 s')
  await ask()
  now.freeBytes = 0.2 * gib
  await ask()
  assert.equal(pressure.storeRung, 'full')
  assert.match(lines.at(-1) ?? '', /could not be kept/)
})

test('while memory is short, collections are asked for now and then, also by a process that takes no calls', () => {
  using stage = openStage()
  const { clock, now, counts } = stage
  now.residentBytes = 0.8 * gib
  clock.advance(10_000)
  assert.equal(counts.collected, 0)
  now.residentBytes = 0.99 * gib
  clock.advance(10_000)
  assert.equal(counts.collected, 5, 'every 2 s')
  now.residentBytes = 0.5 * gib
  clock.advance(10_000)
  assert.deepEqual([counts.collected, stage.pressure.rung], [5, 'calm'])
})

test('live answers that fill the journal are as good as a full disk', () => {
  using stage = openStage()
  stage.now.journalBytes = 0.95 * gib
  stage.clock.advance(250)
  assert.deepEqual([stage.pressure.storeRung, stage.pressure.reason], ['full', 'journal'])
})

test('after its end it looks no more', () => {
  const stage = openStage()
  stage[Symbol.dispose]()
  stage.now.heapBytes = gib
  stage.clock.advance(10_000)
  assert.deepEqual([stage.pressure.rung, stage.clock.timerCount], ['calm', 0])
})

/** A clock whose timers come as late as the work before them lets them. */
function lateClock(): { clock: Clock; work(ms: number): void } {
  let nowMs = 0
  let dueMs = 0
  let run = (): void => {}
  const every = (periodMs: number, each: () => void): { cancel(): void; [Symbol.dispose](): void } => {
    dueMs = nowMs + periodMs
    run = () => {
      dueMs = nowMs + periodMs
      each()
    }
    return { cancel: () => {}, [Symbol.dispose]: () => {} }
  }
  const work = (ms: number): void => {
    nowMs += ms
    if (nowMs >= dueMs) run()
  }
  return { clock: { ...new ManualClock(), monotonicMs: () => nowMs, every } as unknown as Clock, work }
}

test('a loop that is always late is seen within a second; one long pause is not taken for that', () => {
  const { clock, work } = lateClock()
  using delay = new LoopDelay(clock)
  const looks = (count: number, workMs: number): number[] =>
    Array.from({ length: count }, () => {
      for (let ms = 0; ms < 250; ms += workMs) work(workMs)
      return delay.look()
    })
  assert.ok(looks(8, 10).every((ms) => ms < 1))
  work(3000)
  assert.ok(
    looks(8, 10).every((ms) => ms < 1),
    'a stopped process, or a full collection',
  )
  assert.ok((looks(4, 400).at(-1) ?? 0) >= 300)
  assert.ok((looks(1, 10).at(-1) ?? 0) < 1, 'and it is over at once')
})

test('a disk that does not answer is not asked once more meanwhile', () => {
  let asked = 0
  using stage = openStage(() => {
    asked++
    return new Promise(() => {})
  })
  stage.clock.advance(60_000)
  assert.equal(asked, 1)
  assert.equal(stage.pressure.storeRung, 'calm')
})
