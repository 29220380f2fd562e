// Many read one answer: all see the same, none slows another, and whoever owns it can stop it for all.
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { openTestHouse, request, type TestHouse, until } from './harness.ts'
import { callStream, type EventReader, hi, rayIn, readAgain, sayWords, urlOf, words } from './resume-rig.ts'

const settings = { continuation: { enabled: false }, timeouts: { patienceMs: 0 } }

let house: TestHouse
before(async () => void (house = await openTestHouse(settings)))
after(async () => await house[Symbol.asyncDispose]())
beforeEach(async () => await house.isWell())

async function running(count = 2, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, count)
  }
  const reader = await callStream(urlOf(house), { messages: hi }, headers)
  await reader.heard(count)
  return reader
}

/** Bytes that this process holds for the caller on this port of its own. */
function heldFor(port: number): number {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles: () => unknown[] }
  const sockets = handles().filter((handle) => handle instanceof Socket)
  return sockets.find(({ remotePort }) => remotePort === port)?.writableLength ?? 0
}

describe('readers of one answer', () => {
  test('see the same bytes, whenever they come', async () => {
    const first = await running()
    const call = await house.upstream.call(0)
    const readers: EventReader[] = []
    for (let i = 2; i < 30; i++) {
      readers.push(await readAgain(urlOf(house), `answers/${rayIn(first)}`))
      call.say(`w${i} `)
    }
    call.endStream()
    await first.ended()
    readers.push(await readAgain(urlOf(house), `answers/${rayIn(first)}`))
    assert.equal(first.text, words(30))
    for (const reader of readers) {
      await reader.ended()
      assert.deepEqual([reader.ending, reader.bytes], ['end', first.bytes])
    }
    assert.equal(house.upstream.calls.length, 1)
  })

  test('one that takes nothing holds little, slows nobody, and has all once it reads', async () => {
    const first = await running()
    await using stalled = await house.visit()
    stalled.socket.pause()
    stalled.write(request('GET', `/v1/answers/${rayIn(first)}`, 'accept: text/event-stream'))
    const { localPort: port = 0 } = stalled.socket
    const call = await house.upstream.call(0)
    const piece = 'x'.repeat(64 * 2 ** 10)
    let heldMost = 0
    for (let i = 2; i < 160; i++) {
      if (!call.say(piece)) await new Promise((resolve) => call.response.once('drain', resolve))
      heldMost = Math.max(heldMost, heldFor(port))
    }
    call.endStream()
    await first.ended()
    assert.equal(first.ending, 'end')
    assert.ok(heldMost > 0, 'the reader did not stall at all')
    assert.ok(heldMost < 2 ** 20, `${heldMost} bytes were held`)
    stalled.socket.resume()
    const { body, framing } = await stalled.answer()
    assert.equal(framing, 'chunked')
    assert.ok(body.replace(/^: .*\nretry: .*\n\n/, '') === first.bytes, 'the same bytes')
  })

  test('leave and come without a trace on the answer', async () => {
    const first = await running()
    const call = await house.upstream.call(0)
    for (let i = 2; i < 12; i++) {
      const reader = await readAgain(urlOf(house), `answers/${rayIn(first)}?after=${i - 2}`)
      call.say(`w${i} `)
      await reader.heard(1)
      reader.leave()
    }
    call.endStream()
    await first.ended()
    assert.equal(first.text, words(12))
  })
})

describe('a cancel', () => {
  test('from elsewhere stops the model server and tells every reader within a second', async () => {
    const first = await running()
    await using second = await readAgain(urlOf(house), `answers/${rayIn(first)}`)
    await second.heard(2)
    const call = await house.upstream.call(0)
    const beganMs = performance.now()
    const answer = await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}/cancel`, { method: 'POST' })
    const { status, object } = (await answer.json()) as { status: string; object: string }
    assert.deepEqual([answer.status, status, object], [200, 'cancelled', 'answer'])
    await until('the model server to be left', () => call.leftMs !== null)
    for (const reader of [first, second]) {
      await reader.ended()
      const { error } = JSON.parse(reader.datas.at(-1) ?? '') as { error: { cause: string } }
      assert.deepEqual([reader.ending, error.cause], ['broken', 'HF_CANCELLED'])
    }
    assert.ok(performance.now() - beganMs < 1000, `it took ${performance.now() - beganMs} ms`)
    assert.equal(second.bytes, first.bytes)
    const again = await fetch(`${urlOf(house)}/v1/chat/completions/${rayIn(first)}/cancel`, { method: 'POST' })
    assert.equal(((await again.json()) as { status: string }).status, 'cancelled')
  })

  test('of an answer that has not begun is an error answer to who waits for it', async () => {
    house.upstream.script = () => {}
    const headers = { 'idempotency-key': 'to-be-cancelled' }
    const waiting = [callStream(urlOf(house), { messages: hi }, headers)]
    const call = await house.upstream.call(0)
    const ray = [...new Set(house.upstream.calls.map((each) => each.headers['x-request-id']))][0]
    const answer = await fetch(`${urlOf(house)}/v1/answers/${String(ray)}/cancel`, { method: 'POST' })
    assert.equal(answer.status, 200)
    await until('the model server to be left', () => call.leftMs !== null)
    for (const { answer: told } of await Promise.all(waiting)) {
      assert.ok(told.status >= 400, `status ${told.status}`)
      assert.equal(((await told.json()) as { error: { cause: string } }).error.cause, 'HF_CANCELLED')
    }
  })

  test('of an answer that has ended changes nothing', async () => {
    const first = await running()
    ;(await house.upstream.call(0)).endStream()
    await first.ended()
    const answer = await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}/cancel`, { method: 'POST' })
    assert.equal(((await answer.json()) as { status: string }).status, 'complete')
    const again = await (await readAgain(urlOf(house), `answers/${rayIn(first)}`)).ended()
    assert.deepEqual([again.ending, again.bytes], ['end', first.bytes])
  })

  test('deleting stops it too, and breaks every reader off', async () => {
    const first = await running()
    const call = await house.upstream.call(0)
    const answer = await fetch(`${urlOf(house)}/v1/answers/${rayIn(first)}`, { method: 'DELETE' })
    assert.equal(answer.status, 200)
    await until('the model server to be left', () => call.leftMs !== null)
    await first.ended()
    assert.equal(first.ending, 'broken')
    assert.equal((await readAgain(urlOf(house), `answers/${rayIn(first)}`)).answer.status, 404)
  })
})
