// An answer that comes faster than a turn of the house, all of it in one packet: it must still go out as HTTP, in
// order.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openTestHouse, post, type Script, streamBody, type TestHouse } from './harness.ts'

let house: TestHouse
before(
  async () =>
    void (house = await openTestHouse({
      timeouts: { patienceMs: 0 },
      pools: { all: { upstreams: ['only'], attemptsMax: 1 } },
    })),
)
after(() => house[Symbol.asyncDispose]())

const token = (content: string, finish: string | null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`

/** Sends the whole stream in one write, its end included. */
function inOnePacket(...events: string[]): Script {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(events.join(''))
  }
}

for (const [name, events] of [
  ['with its end mark', [token('hi', null), token('', 'stop'), 'data: [DONE]\n\n']],
  ['without its end mark', [token('hi', null), token('', 'stop')]],
  ['in many pieces', [...Array.from({ length: 500 }, (_, i) => token(` ${i}`, null)), token('', 'stop')]],
] as const) {
  test(`a whole stream in one packet, ${name}, goes out in order`, async () => {
    house.upstream.script = inOnePacket(...events)
    const answer = await house.ask(post(streamBody))
    assert.equal(answer.status, 200)
    assert.equal(
      answer.body.replace(/^id: \d+\n/gm, ''),
      [...events.filter((event) => !event.includes('[DONE]')), 'data: [DONE]\n\n'].join(''),
    )
    await house.isWell()
  })
}

test('a stream that breaks in its first packet: what came, the error, and no proper end', async () => {
  house.upstream.script = inOnePacket(token('hi', null))
  await using client = await house.visit()
  client.write(post(streamBody))
  const bytes = await client.ended()
  assert.match(bytes, /^HTTP\/1\.1 200 OK\r\n/)
  assert.ok(bytes.indexOf('"content":"hi"') < bytes.indexOf('"error"'), bytes)
  assert.match(bytes, /"cause":"HF_UPSTREAM_CUT"/)
  assert.doesNotMatch(bytes, /\r\n0\r\n\r\n$/)
  await house.isWell()
})
