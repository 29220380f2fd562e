// What healing makes of looks: clocks that jump, replacements that do not come, restarts of the process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Note } from '../observe/fact.ts'
import { controlSchema, deploymentsSchema } from './deployment-options.ts'
import { Healing } from './healing.ts'
import type { ReplicaSight, Sight } from './sight.ts'

const deployments = deploymentsSchema.parse({ chat: { releases: { v1: { command: ['serve'] } } } })
const demand = { requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 }
const startMs = Date.UTC(2026, 0, 1)

function replica(name: string, more: Partial<ReplicaSight>): ReplicaSight {
  return {
    ...{ name, deployment: 'chat', release: 'v1', phase: 'running', url: 'http://127.0.0.1:1', startedMs: startMs },
    ...{ host: 'here', memoryBytes: null, exit: null, isReady: true, isServing: true, membership: 'in', calls: 3 },
    ...{ progressedMs: 1, movedMs: 0, out: null, silentSinceMs: null, seenAtMs: 0, deaths: null, ended: 0, failed: 0 },
    ...{ readyAfterMs: 1000, ...more },
  }
}

function stage(kept = new Map<string, unknown>()) {
  const notes: Note[] = []
  const notebook = {
    read: (part: string) => kept.get(part) ?? null,
    write: (part: string, value: unknown) => void kept.set(part, JSON.parse(JSON.stringify(value))),
  }
  const healing = new Healing({ notebook, note: (note) => notes.push(note) })
  const look = (
    monotonicMs: number,
    nowMs: number,
    replicas: readonly ReplicaSight[],
    toldMs: number = monotonicMs - 500,
  ) => {
    const times = { nowMs, monotonicMs, toldMs }
    const { heal } = controlSchema.parse({})
    const sight: Sight = { ...times, deployments, replicas, takeDemand: () => demand, dryRun: false, heal }
    return healing.look(sight, () => false)
  }
  return { healing, notes, look, kept }
}

test('a wall clock that jumps makes nobody hang, and hides nobody who does', () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const { look } = stage()
    let marked: string[] = []
    for (let atMs = 0; atMs <= 200_000; atMs += 1000) {
      const wallMs = startMs + 600_000 + atMs + (atMs > 50_000 ? jumpMs : 0)
      const well = replica('well', { movedMs: atMs })
      const hung = replica('hung', { movedMs: Math.min(atMs, 130_000) })
      marked = [...look(atMs, wallMs, [well, hung]).marks.keys()]
      if (atMs < 159_000) assert.deepEqual(marked, [], `${jumpMs} at ${atMs}`)
    }
    assert.deepEqual(marked, ['hung'])
  }
})

test('a wall clock that is set back while the workers are silent makes nobody hang', () => {
  const { look } = stage()
  for (let atMs = 0; atMs <= 300_000; atMs += 1000) {
    const wallMs = startMs + 600_000 + atMs - (atMs > 120_000 ? 18_000_000 : 0)
    const heardMs = Math.min(atMs, 60_000)
    const { marks } = look(atMs, wallMs, [replica('well', { movedMs: heardMs })], heardMs)
    assert.equal(marks.size, 0, `at ${atMs}`)
  }
})

test('one that gets on again serves until another is there', () => {
  const { look } = stage()
  const mark = Array.from({ length: 300 }, (_, s) => {
    const movedMs = s < 100 ? 1000 : 1000 * s
    const both = [replica('well', { movedMs: 1000 * s }), replica('hung', { movedMs })]
    return look(1000 * s, startMs + 600_000 + 1000 * s, both).marks.get('hung')
  })
  assert.deepEqual([mark[90], mark[299], mark.includes('restart')], ['replace', 'replace', false])
})

test('where no other comes in its place it goes first', () => {
  const { look } = stage()
  const markAt = (atMs: number): string | undefined => {
    const well = replica('well', { movedMs: atMs })
    return look(atMs, startMs + 600_000 + atMs, [well, replica('hung', { movedMs: 1000 })]).marks.get('hung')
  }
  const marks = Array.from({ length: 300 }, (_, s) => markAt(1000 * s))
  assert.equal(marks[40], 'replace')
  // Ready within two minutes, and half a minute more.
  assert.equal(marks.indexOf('restart'), marks.indexOf('replace') + 151)
})

test('deaths are known to the next process, with what is left of their rest', () => {
  const first = stage()
  const deaths = { inRow: 4, atMs: 5000, startedMs: 77, restUntilMs: 13_000, how: 'SIGSEGV', lastWords: 'oh' }
  const dead = replica('dead', { phase: 'gone', isServing: false, calls: 0, deaths })
  first.look(6000, startMs + 6000, [dead])
  assert.match(first.notes.map((note) => ('evidence' in note ? note.evidence : '')).join(), /died 4 times in a row/)
  // The machine was started anew: another monotonic clock.
  const next = stage(first.kept).healing.recall({ nowMs: startMs + 8000, monotonicMs: 100 })
  assert.deepEqual(next.get('dead'), { ...deaths, atMs: -2900, restUntilMs: 5100 })
  const broken = stage(new Map([['healing', { deaths: [['x', { inRow: 'many' }], 3], damped: 7 }]]))
  assert.equal(broken.healing.recall({ nowMs: 0, monotonicMs: 0 }).size, 0)
})
