// Tests of the gate before one server: what has room, and which refusals count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Load } from '../../fleet/load.ts'
import { Speed } from '../../fleet/speed.ts'
import { seededRandom } from '../../ground/random.ts'
import { Gate, type Passage } from './gate.ts'
import { overloadSchema } from './overload-options.ts'

const size = { promptTokens: 160, outputTokens: 90 }

interface Subject {
  load: Load
  waitingInside: number | null
  callsElsewhere: number
}

function open(options: object = {}): { gate: Gate; subject: Subject } {
  const subject = { load: new Load(), waitingInside: null as number | null, callsElsewhere: 0 }
  return { gate: new Gate(subject, overloadSchema.parse(options)), subject }
}

test('a server that has nothing in hand has room, whatever its limits say', () => {
  const { gate } = open({ limits: 'fixed', callsMax: 1 })
  assert.ok(gate.hasRoom)
  const passage = gate.enter(new Speed(), { ...size, promptTokens: 1e9, outputTokens: 1e9 }, 0)
  assert.equal(gate.hasRoom, false)
  passage.end()
  assert.ok(gate.hasRoom)
})

test('an engine that says that calls wait inside it is not sent more', () => {
  const { gate, subject } = open()
  for (let i = 0; i < 8; i++) gate.enter(new Speed(), size, i)
  assert.ok(gate.hasRoom)
  subject.waitingInside = 20
  assert.equal(gate.hasRoom, false)
  for (const nonsense of [Number.NaN, -5, 1e12, Number.POSITIVE_INFINITY]) {
    subject.waitingInside = nonsense
    assert.ok(gate.hasRoom, `${nonsense}`)
  }
})

test('refusals of a few in a hundred calls change nothing; of most calls they do', () => {
  const { gate } = open()
  const speed = new Speed()
  const before = gate.callsLimit.value
  let nowMs = 0
  const call = (isRefused: boolean): void => {
    nowMs += 250
    const passage = gate.enter(speed, size, nowMs)
    if (isRefused) gate.backOff(nowMs)
    else passage.firstToken(nowMs)
    passage.end()
  }
  for (let i = 1; i <= 400; i++) call(i % 50 === 0)
  assert.ok(gate.callsLimit.value >= before, `${gate.callsLimit.value}`)
  for (let i = 1; i <= 40; i++) call(i % 4 !== 0)
  assert.ok(gate.callsLimit.value < before / 2, `${gate.callsLimit.value}`)
})

test('a first token that is long overdue is congestion before it comes', () => {
  const { gate } = open()
  const speed = new Speed()
  for (let i = 0; i < 10; i++) gate.enter(speed, size, i * 1000).firstToken(i * 1000 + 100)
  const late = Array.from({ length: 40 }, (_, i) => gate.enter(speed, size, 20_000 + i))
  for (let ms = 20_250; ms < 26_000; ms += 250) gate.look(ms)
  assert.ok(gate.callsLimit.value < 40 && !gate.hasRoom, `${gate.callsLimit.value}`)
  for (const passage of late) passage.end()
  assert.ok(gate.hasRoom)
})

/** Runs calls that are not streamed, as many as there is room for up to `callsMax`, each of them `tookMs` long. */
function answerWhole(gate: Gate, speed: Speed, { callsMax, tookMs }: { callsMax: number; tookMs: number }): void {
  const live: { passage: Passage; endMs: number }[] = []
  for (let ms = 100_000; ms < 160_000; ms += 50) {
    for (const { passage, endMs } of live.splice(0).toSorted((a, b) => a.endMs - b.endMs)) {
      if (endMs > ms) live.push({ passage, endMs })
      else {
        passage.answered(size.outputTokens, ms)
        passage.end()
      }
    }
    while (live.length < callsMax && gate.hasRoom)
      live.push({ passage: gate.enter(speed, size, ms, false), endMs: ms + tookMs })
    if (ms % 250 === 0) gate.look(ms)
  }
}

test('answers in one piece take long because they are long, however soon first tokens come there', () => {
  const { gate } = open()
  const speed = new Speed()
  for (let i = 0; i < 10; i++) {
    const passage = gate.enter(speed, size, i * 1000)
    passage.firstToken(i * 1000 + 100)
    passage.end()
  }
  const before = gate.callsLimit.value
  answerWhole(gate, speed, { callsMax: 40, tookMs: 3000 })
  assert.ok(gate.callsLimit.value >= before, `${gate.callsLimit.value}`)
})

test('calls that came to nothing were no work done', () => {
  const { subject, gate } = open()
  for (let i = 0; i < 50; i++) gate.enter(new Speed(), size, i).end()
  const { readTokens, writtenTokens } = subject.load
  assert.deepEqual({ readTokens, writtenTokens }, { readTokens: 0, writtenTokens: 0 })
  for (const tokens of [70, 0, 1e300]) {
    const passage = gate.enter(new Speed(), size, 100, false)
    passage.answered(tokens, 200)
    passage.end()
  }
  assert.equal(subject.load.writtenTokens, 70 + 2 * size.outputTokens, 'as told, or else as expected')
  assert.equal(subject.load.readTokens, 3 * size.promptTokens)
})

test('late first tokens take as much from a server that has been up for a month as from a fresh one', () => {
  const [fresh = 0, old = 0] = [0, 1e10].map((readBefore) => {
    const { gate, subject } = open()
    const speed = new Speed()
    subject.load.readTokens = readBefore
    gate.enter(speed, size, 0).firstToken(100) // goes on all the time
    for (let i = 0; i < 40; i++) speed.observeGap(1 + i, 10)
    for (let ms = 0; ms < 20_000; ms += 500) {
      const promptTokens = 100 + (ms % 3000)
      const passage = gate.enter(speed, { promptTokens, outputTokens: 9 }, ms)
      passage.firstToken(ms + promptTokens / 20)
      passage.end()
      gate.look(ms)
    }
    for (let ms = 20_000; ms < 30_000; ms += 500) {
      const passages = Array.from({ length: 24 }, () => gate.enter(speed, size, ms))
      for (const passage of passages) passage.firstToken(ms + 100)
      gate.look(ms + 100)
      for (const passage of passages) passage.progress(size.outputTokens)
      for (const passage of passages) passage.end()
    }
    return gate.limit.value
  })
  assert.ok(fresh > 10, `${fresh}`)
  assert.ok(old > 0.8 * fresh, `${old} beside ${fresh}`)
})

/** Calls done a minute at a server that has room for all; some of their prompts are in its cache. */
function answerCached(cachedShareAt: (minute: number) => number): number[] {
  let nowMs = 0
  const random = seededRandom(5)
  const { gate } = open()
  const speed = new Speed(() => nowMs)
  let live: { passage: Passage; firstMs: number; endMs: number }[] = []
  const doneByMinute: number[] = []
  for (let tick = 0; tick < (8 * 60_000) / 50; tick++) {
    nowMs += 50
    const minute = Math.floor(nowMs / 60_000)
    for (const { passage, firstMs, endMs } of live) {
      if (nowMs >= firstMs && nowMs < firstMs + 50) passage.firstToken(nowMs)
      if (nowMs < endMs) continue
      passage.end()
      doneByMinute[minute] = (doneByMinute[minute] ?? 0) + 1
    }
    live = live.filter(({ endMs }) => nowMs < endMs)
    const callsMax = nowMs < 10_000 ? 1 : 40
    while (live.length < callsMax && gate.hasRoom) {
      const firstMs = nowMs + (random.unit() < cachedShareAt(minute) ? 50 : 600 + 200 * random.unit())
      live.push({ passage: gate.enter(speed, size, nowMs), firstMs, endMs: firstMs + 2000 })
    }
    if (tick % 5 === 0) gate.look(nowMs)
  }
  return doneByMinute
}

test('prompts of which a cache holds now many, now few, starve no server', () => {
  for (const shareAt of [(minute: number) => (minute < 3 ? 0.9 : 0), (minute: number) => 0.9 - 0.8 * (minute % 2)]) {
    const done = answerCached(shareAt).slice(1, 8)
    assert.ok(Math.min(...done) > 600, `${done.join(' ')} of about 900`)
  }
})
