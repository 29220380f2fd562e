// Tests of what is learnt of a server's speed: lines through its answers, unmoved by load and by nonsense.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallSizes } from './call-size.ts'
import { Load } from './load.ts'
import { Speed } from './speed.ts'

test('the time to a first token is a line over the prompt, learnt while the server is idle', () => {
  const speed = new Speed()
  assert.equal(speed.firstTokenMs(100), null)
  for (let i = 1; i <= 40; i++) speed.observeFirstToken(i * 100, 50 + i * 10, 0)
  for (let i = 1; i <= 200; i++) speed.observeFirstToken(1000, 9000, 12)
  assert.ok(Math.abs((speed.firstTokenMs(1000) ?? 0) - 150) < 1)
  assert.ok(Math.abs((speed.prefillPerSecond ?? 0) - 10_000) < 100)
})

test('the gap between tokens is a line over the calls under way', () => {
  const speed = new Speed()
  for (let calls = 1; calls <= 20; calls++) speed.observeGap(calls, 20 + calls)
  assert.ok(Math.abs((speed.gapMs(8) ?? 0) - 28) < 0.5)
  assert.ok(Math.abs(speed.slowdown(22) - 2) < 0.1)
})

test('times that are none, and servers that seem to get faster, leave sensible numbers', () => {
  const speed = new Speed()
  for (const [tokens, ms] of [
    [Number.NaN, 5],
    [5, Number.NaN],
    [10, -3],
    [10, Number.POSITIVE_INFINITY],
  ] as const)
    speed.observeFirstToken(tokens, ms, 0)
  for (let i = 0; i < 50; i++) speed.observeFirstToken(i * 100, 1000 - i, 0)
  const at = speed.firstTokenMs(1e9) ?? 0
  assert.ok(at > 900 && at < 1000, `${at}`)
  assert.equal(speed.prefillPerSecond, null)
  assert.ok(speed.prefillWeight(4) > 0 && speed.prefillWeight(4) <= 1)
})

test('the work in hand comes back to nothing, however calls end', () => {
  const load = new Load()
  const shares = Array.from({ length: 50 }, (_, i) => load.begin({ promptTokens: i / 3, outputTokens: 10 + i / 7 }))
  for (const [i, share] of shares.entries()) {
    if (i % 2 === 0) share.firstToken()
    if (i % 3 === 0) share.progress(1000)
    share.end()
    share.end()
  }
  assert.deepEqual([load.calls, load.prefillTokens, load.decodeTokens], [0, 0, 0])
})

test('calls are sized by what servers counted for others like them', () => {
  const sizes = new CallSizes()
  assert.equal(Math.round(sizes.guess('m', 4500, null).promptTokens), 1000)
  for (let i = 0; i < 100; i++) sizes.observe('m', 3000, null, { inputTokens: 1000, outputTokens: 40 })
  const { promptTokens, outputTokens } = sizes.guess('m', 6000, null)
  assert.ok(Math.abs(promptTokens - 2000) < 50 && Math.abs(outputTokens - 40) < 5, `${promptTokens} ${outputTokens}`)
  for (let i = 0; i < 100; i++) sizes.observe('m', 3000, 1000, { inputTokens: 1000, outputTokens: 900 })
  const limited = sizes.guess('m', 3000, 800).outputTokens
  assert.ok(limited > 650 && limited <= 800, `${limited}`)
  assert.ok(sizes.guess('m', 1e12, 1e12).promptTokens <= 1_000_000)
})

test('a server that is another one now is known by a few calls that were alone there', () => {
  const speed = new Speed()
  for (let i = 0; i < 256; i++) speed.observeFirstToken(100 + i, 50 + (100 + i) / 10, 0)
  for (let i = 0; i < 40; i++) speed.observeFirstToken(100 + i, 900, 1) // waited for another call
  assert.ok((speed.firstTokenMs(200) ?? 0) < 100)
  for (let i = 0; i < 16; i++) speed.observeFirstToken(100 + 10 * i, 450 + i, 0)
  const tookMs = speed.firstTokenMs(200) ?? 0
  assert.ok(tookMs > 400 && tookMs < 520, `${tookMs}`)
})

const hourMs = 3_600_000

/** One that has been told of 100 ms for a first token, so long ago. */
function told(ageMs: number): Speed {
  const speed = new Speed(() => 1e12)
  speed.learn({ firstToken: { intercept: 100, slope: 0, count: 50, atMs: 1e12 - ageMs } })
  return speed
}

test('what others have learnt holds until a server was seen idle; a busy one says nothing against it', () => {
  const speed = told(1000)
  assert.equal(speed.firstTokenMs(200), 100)
  for (let i = 0; i < 40; i++) speed.observeFirstToken(200, 190, 12)
  assert.equal(speed.firstTokenMs(200), 100)
  for (let i = 0; i < 5; i++) speed.observeFirstToken(200, 140, 0)
  assert.equal(speed.firstTokenMs(200), 140)
})

test('what was learnt hours ago is a hint: the first answers of today are better, however busy the server is', () => {
  const speed = told(2 * hourMs)
  assert.equal(speed.firstTokenMs(200), 100)
  for (let i = 0; i < 5; i++) speed.observeFirstToken(200, 190, 12)
  assert.equal(speed.firstTokenMs(200), 190)
})

test('what others have learnt since is better than what was known long before', () => {
  let nowMs = 1e12
  const speed = new Speed(() => nowMs)
  for (let i = 0; i < 20; i++) speed.observeFirstToken(200, 300, 0)
  const line = { intercept: 100, slope: 0, count: 9 }
  speed.learn({ firstToken: { ...line, atMs: nowMs + 1000 } })
  assert.equal(speed.firstTokenMs(200), 300)
  nowMs += hourMs
  speed.learn({ firstToken: { ...line, atMs: nowMs } })
  assert.equal(speed.firstTokenMs(200), 100)
})

test('what was seen of a busy server only is not handed on', () => {
  const speed = new Speed()
  for (let i = 0; i < 40; i++) speed.observeFirstToken(200, 900, 12)
  assert.equal(speed.firstTokenMs(200), 900)
  assert.deepEqual(Object.values(speed.learnt), [undefined, undefined, undefined])
  for (let i = 0; i < 5; i++) speed.observeFirstToken(200, 100, 1)
  assert.equal(speed.learnt.firstToken?.intercept, 100)
})

/** Waits at a server for `extraMs` and behind all calls beyond twelve, with so many there at a time. */
function crowd(speed: Speed, calls: readonly number[], extraMs: number): boolean {
  let isSlower = false
  for (const others of calls)
    for (let i = 0; i < 16; i++)
      isSlower = speed.observeFirstToken(200, 100 + extraMs + 80 * Math.max(0, others - 12), others) || isSlower
  return isSlower
}

test('first tokens that come as late with half of the calls are late for another reason', () => {
  const idle = (): Speed => {
    const speed = new Speed()
    for (let i = 0; i < 20; i++) speed.observeFirstToken(200, 100, 0)
    return speed
  }
  const full = idle()
  assert.equal(crowd(full, [60, 40, 30, 20, 60, 25, 16], 0), false)
  assert.equal(full.firstTokenMs(200), 100)
  const slow = idle()
  assert.equal(crowd(slow, [14, 10, 6, 5], 400), true)
  assert.equal(slow.firstTokenMs(200), 500)
  assert.equal(slow.learnt.firstToken?.intercept, 100, 'that is for nobody else: it may be the load of others')
  crowd(slow, [12, 12], 50)
  assert.equal(slow.firstTokenMs(200), 100, 'nor is what came after it')
})

test('a server that has become faster is known by nearly all of its answers, and not by some from a cache', () => {
  const speed = new Speed()
  for (let i = 0; i < 20; i++) speed.observeFirstToken(200, 1000, 0)
  for (let i = 0; i < 200; i++) speed.observeFirstToken(200, i % 4 === 0 ? 1100 : 120, 8)
  assert.equal(speed.firstTokenMs(200), 1000)
  for (let i = 0; i < 24; i++) speed.observeFirstToken(200, 120, 8)
  assert.equal(speed.firstTokenMs(200), 120)
})
