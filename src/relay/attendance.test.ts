// Tests of what becomes of an answer that nobody reads on this node: another node's readers count as well.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ray } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Note } from '../observe/fact.ts'
import { noRecorder } from '../observe/recorder.ts'
import { Attendance } from './attendance.ts'
import type { CacheWish } from './cache-wish.ts'

const detachedMs = 60_000
const wish: CacheWish = {
  ...{ keptName: 'answer/1', otherNames: [], liveName: 'asking/1' },
  ...{ mayRead: true, mayKeep: true, mayAsk: true, mayLead: true, isKeptLong: false, isShared: false, semantic: null },
  ...{ answerBytesMax: 1, ageMsMax: 1, staleMsMax: 0 },
}

function open(onDisconnect: 'cancel' | 'detach', { max = 10, mayLead = false } = {}) {
  const clock = new ManualClock()
  const elsewhere = { isRead: false }
  const abandoned: string[] = []
  const detached = { count: 0, max, ms: detachedMs }
  const journal = { isReadElsewhere: (): Promise<boolean> => Promise.resolve(elsewhere.isRead) }
  const facts: Note[] = []
  const observer = { recorder: { ...noRecorder, note: (fact: Note) => void facts.push(fact) } }
  const attendance = new Attendance(
    { clock, journal, detached, observer },
    { ray: 'r' as Ray, onDisconnect, isStored: false, cache: mayLead ? wish : null },
    { onDetached: () => {}, onAbandoned: ({ code }) => void abandoned.push(code) },
  )
  /** Lets time pass, and what was asked be answered. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  return { attendance, elsewhere, abandoned, detached, facts, pass }
}

test('with `cancel` an answer that is read on another node goes on until nobody reads it there', async () => {
  const { attendance, elsewhere, abandoned, pass } = open('cancel')
  elsewhere.isRead = true
  attendance.leave()
  await pass(detachedMs)
  assert.deepEqual(abandoned, [])
  elsewhere.isRead = false
  await pass(detachedMs)
  assert.deepEqual(abandoned, ['HF_CLIENT_GONE'])
})

test('with `cancel` and nobody anywhere it is cancelled at once, unless somebody comes in that moment', async () => {
  const gone = open('cancel')
  gone.attendance.leave()
  await gone.pass(0)
  assert.deepEqual(gone.abandoned, ['HF_CLIENT_GONE'])
  const back = open('cancel')
  back.attendance.leave()
  back.attendance.come()
  await back.pass(detachedMs * 10)
  assert.deepEqual(back.abandoned, [])
})

test('one that others may have joined just now on another node waits until they are known of', async () => {
  const joined = open('cancel', { mayLead: true })
  joined.attendance.leave()
  await joined.pass(500)
  joined.elsewhere.isRead = true
  await joined.pass(detachedMs)
  assert.deepEqual(joined.abandoned, [])
  const gone = open('cancel', { mayLead: true })
  gone.attendance.leave()
  await gone.pass(3000)
  assert.deepEqual(gone.abandoned, ['HF_CLIENT_GONE'])
})

test('the time for going on alone, and the number of those who do, do not end what is read on another node', async () => {
  const late = open('detach')
  late.elsewhere.isRead = true
  late.attendance.leave()
  await late.pass(detachedMs * 3)
  assert.deepEqual(late.abandoned, [])
  late.elsewhere.isRead = false
  await late.pass(detachedMs)
  assert.deepEqual(late.abandoned, ['HF_CLIENT_GONE'])

  const crowded = open('detach', { max: 0 })
  crowded.elsewhere.isRead = true
  crowded.attendance.leave()
  await crowded.pass(0)
  assert.deepEqual([crowded.abandoned, crowded.detached.count], [[], 1])
  crowded.attendance.end()
  await crowded.pass(detachedMs * 2)
  assert.deepEqual([crowded.abandoned, crowded.detached.count], [[], 0])
})

test('that the last reader left is put into the record, whatever becomes of the answer', () => {
  for (const onDisconnect of ['cancel', 'detach'] as const) {
    const { attendance, facts } = open(onDisconnect)
    attendance.leave()
    assert.deepEqual(facts, [{ kind: 'client', ray: 'r', state: 'left', code: 'HF_CLIENT_GONE' }])
  }
})
