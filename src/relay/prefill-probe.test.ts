// Tests of the probe: asked once, believed as answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Capabilities } from '../fleet/capability.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { PrefillProber } from './prefill-probe.ts'
import type { Wire, WireReceiver, WireRequest } from './wire/wire.ts'

function open(kind: 'compatible' | 'vllm' = 'compatible') {
  const clock = new ManualClock()
  const capabilities = new Capabilities(clock)
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://gpu1/v1', kind }), 'sk-1', clock)
  const sent: { request: WireRequest; receiver: WireReceiver }[] = []
  const wire = {
    send: (request: WireRequest, receiver: WireReceiver) => {
      sent.push({ request, receiver })
      return { pause: () => {}, resume: () => {}, cancel: () => {}, isSent: true, sentMs: 0 }
    },
  } as unknown as Wire
  const prober = new PrefillProber({ to: () => wire }, capabilities)
  const standing = (): string => capabilities.standing(upstream, 'm', 'chat', 'prefill')
  const answer = (status: number, text: string): void => {
    const { receiver } = sent.at(-1) as (typeof sent)[number]
    receiver.onHead({ status, headers: {}, isReused: false })
    receiver.onBody(Buffer.from(text))
    receiver.onEnd()
  }
  return { prober, upstream, sent, standing, answer }
}

const saying = (content: string): string => JSON.stringify({ choices: [{ message: { content } }] })

test('an upstream that goes on with the last message is used so, and is not asked again', () => {
  const { prober, upstream, sent, standing, answer } = open()
  prober.ask(upstream, 'm')
  prober.ask(upstream, 'm')
  assert.equal(sent.length, 1)
  const request = sent[0]?.request
  assert.deepEqual([request?.path, request?.headers['authorization']], ['/v1/chat/completions', 'Bearer sk-1'])
  answer(200, saying('our, five, six'))
  assert.equal(standing(), 'proven')
  prober.ask(upstream, 'm')
  assert.equal(sent.length, 1)
})

test('one that begins anew or refuses is not used so', () => {
  for (const [status, text] of [
    [200, saying('one, two, three, four, five, six')],
    [400, '{"error":{"message":"must end with a user message"}}'],
  ] as const) {
    const { prober, upstream, standing, answer } = open()
    prober.ask(upstream, 'm')
    answer(status, text)
    assert.equal(standing(), 'refused')
  }
})

test('from a failure nothing is concluded: it is asked again at the next occasion', () => {
  const { prober, upstream, sent, standing, answer } = open()
  prober.ask(upstream, 'm')
  answer(503, 'busy')
  assert.equal(standing(), 'unknown')
  prober.ask(upstream, 'm')
  assert.equal(sent.length, 2)
})

test('what is known by its kind is not asked', () => {
  const { prober, upstream, sent } = open('vllm')
  prober.ask(upstream, 'm')
  assert.equal(sent.length, 0)
})
