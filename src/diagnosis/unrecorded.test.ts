// Tests of what is said of a ray that is not in the record.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { type Ray, RaySource } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import { refusalFact } from '../observe/observer.ts'
import { Recording } from '../observe/recording.ts'
import { MemoryRecord } from '../store/memory-record.ts'
import { recordSchema } from '../store/record-options.ts'
import { explainRay } from './explain-ray.ts'

function openStage(eventfulPerSecond = 5) {
  const clock = new ManualClock()
  const shelf = new MemoryRecord('worker-0/1')
  const recording = new Recording(clock, recordSchema.parse({ eventfulPerSecond }), shelf)
  const rays = new RaySource(clock, seededRandom(1), { node: 1, site: 'a' })
  const fail = (code: FaultCode, count: number): Ray[] =>
    Array.from({ length: count }, () => {
      const ray = rays.next()
      recording.call(refusalFact(new Fault(code), ray, 'chat', clock.nowMs(), 5))
      return ray
    })
  return { clock, shelf, recording, rays, fail, [Symbol.dispose]: () => recording[Symbol.dispose]() }
}

test('one of a flood, of which only examples are kept, is explained by the others', () => {
  using stage = openStage()
  stage.fail('HF_MODEL_UNKNOWN', 6)
  const flood = stage.fail('HF_OVERLOADED', 60)
  stage.clock.advance(10_000) // sums are told
  const last = explainRay(stage.shelf, flood.at(-1) ?? '')
  assert.deepEqual([last.cause, last.whose, last.isInferred, last.code], ['servers-full', 'gateway', true, null])
  assert.match(
    last.sentence,
    /^The record has nothing of this call itself; if it failed, then most likely as 60 others/,
  )
  assert.match(last.evidence.join('\n'), /60 calls of chat to unknown failed with HF_OVERLOADED/)
  assert.ok(last.confidence > 0.5 && last.confidence < 1)
  assert.equal(explainRay(stage.shelf, flood[0] ?? '').isInferred, false, 'one that is kept speaks for itself')
})

test('at another time, or for no ray at all, nothing is made up', () => {
  using stage = openStage()
  const early = stage.rays.next()
  stage.clock.advance(600_000)
  stage.fail('HF_OVERLOADED', 60)
  stage.clock.advance(10_000)
  stage.clock.advance(600_000)
  for (const ray of [early, stage.rays.next(), '', 'x', '\u001b[2J', 'r'.repeat(10_000), '__proto__'])
    assert.deepEqual([explainRay(stage.shelf, ray).cause, explainRay(stage.shelf, ray).confidence], ['unrecorded', 0])
})

test('what a process may have taken with it into its death is said', () => {
  using stage = openStage()
  const ray = stage.rays.next()
  stage.clock.advance(300)
  const exit = { exitCode: null, signal: 'SIGKILL', stderrTail: '', ageMs: 5000 }
  const worker = { kind: 'worker', state: 'exited', number: 1, pid: 7, detail: '', isExpected: false, exit } as const
  stage.recording.note(worker)
  const { cause, sentence } = explainRay(stage.shelf, ray)
  assert.equal(cause, 'unrecorded')
  assert.match(sentence, /300 ms after the call began worker 1 died by SIGKILL/)
})
