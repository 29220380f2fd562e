// Tests of the gate before one server: what has room, and which refusals count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Load } from '../../fleet/load.ts'
import { Speed } from '../../fleet/speed.ts'
import { Gate } from './gate.ts'
import { overloadSchema } from './overload-options.ts'

const size = { promptTokens: 160, outputTokens: 90 }

function open(options: object = {}): { gate: Gate; subject: { load: Load; waitingInside: number | null } } {
  const subject = { load: new Load(), waitingInside: null as number | null }
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
  for (const nonsense of [Number.NaN, -5]) {
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
