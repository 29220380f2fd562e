// Model servers whose answers break the rules of HTTP, through the whole house: the caller gets a code and a ray, the
// log the reason, and the next caller an answer of his own.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { RecordingUpstream } from '../suites/recording-upstream.ts'
import { assertRefused, openTestHouse, post, rayOf, type TestHouse } from './harness.ts'

const said = '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}'
const ok = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`
const chunk = `${said.length.toString(16)}\r\n${said}\r\n`
const length = `content-length: ${said.length}\r\n`

/** What the server says, and what of it the log names. */
const cases: Readonly<Record<string, readonly [bytes: string, detail: RegExp]>> = {
  'length and chunks': [`${ok}${length}transfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`, /both content-length/],
  'two lengths': [`${ok}${length}content-length: 1\r\n\r\n${said}`, /more than one content-length/],
  'the same length twice': [`${ok}${length}${length}\r\n${said}`, /more than one content-length/],
  'a signed length': [`${ok}content-length: +5\r\n\r\n${said}`, /no number/],
  'a size that is no number': [`${chunked}0x5\r\n${said}`, /chunk size/],
  'a size beyond measure': [`${chunked}fffffffffffffff\r\n${said}`, /beyond measure/],
  'a negative size': [`${chunked}-1\r\n${said}`, /chunk size/],
  'a chunk that is longer than its size': [`${chunked}5\r\n${said}\r\n0\r\n\r\n`, /longer than its size/],
  'interim answers without end': ['HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(500), /too many interim/],
  'an interim answer with a body': [`HTTP/1.1 100 Continue\r\ncontent-length: 3\r\n\r\nabc${ok}`, /with a body/],
  'headers by the thousand': [`${ok}${'x: y\r\n'.repeat(5000)}\r\n`, /too many headers/],
  'a header of a megabyte': [`${ok}x: ${'y'.repeat(2 ** 20)}\r\n\r\n`, /head beyond measure/],
  'a trailer without end': [`${chunked}${chunk}0\r\n${'x: y\r\n'.repeat(20_000)}`, /beyond measure|too many headers/],
  'a length in the trailer': [`${chunked}${chunk}0\r\ncontent-length: 5\r\n\r\n`, /in the trailer/],
  'a change of protocol that nobody asked for': [
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n',
    /change of protocol/,
  ],
  'another answer behind it': [`${ok}${length}\r\n${said}${ok}${length}\r\n${said}`, /after the end/],
  'no HTTP at all': ['SSH-2.0-OpenSSH_9.9\r\n', /no HTTP\/1\.1 status line/],
}

describe('an answer that breaks the rules', { timeout: 120_000 }, () => {
  let upstream: RecordingUpstream
  let house: TestHouse
  before(async () => {
    upstream = await RecordingUpstream.open()
    house = await openTestHouse({
      upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'] } },
      breaker: { enabled: false },
    })
    upstream.answerWith = (body) => cases[/"content":"say ([^"]*)"/.exec(body)?.[1] ?? '']?.[0] ?? null
  })
  after(async () => {
    await house[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  const ask = (text: string) =>
    house.ask(post(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }] })))

  for (const [name, [, detail]] of Object.entries(cases))
    test(name, async () => {
      const answer = await ask(`say ${name}`)
      assertRefused(answer, 502, 'HF_UPSTREAM_GARBLED')
      const account = await house.account(rayOf(answer))
      assert.match(JSON.stringify(account), detail)
      const next = await ask('somebody else')
      assert.equal(next.status, 200)
      assert.match(next.body, /you said somebody else/)
    })
})
