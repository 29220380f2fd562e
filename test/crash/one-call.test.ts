/**
 * Calls with one `Idempotency-Key` that come to several workers at the same moment, as from a button that is pressed
 * twice: the model server is asked once, and everybody gets that answer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedAnswer } from '../../lab/answer.ts'
import { startSim } from '../../lab/start-sim.ts'
import { startGateway } from './gateway.ts'

interface Answered {
  readonly status: number
  readonly ray: string | null
  readonly text: string
}

async function post(url: string, path: string, key: string, body: object): Promise<Answered> {
  // A connection of its own, so that each call may come to another worker.
  const headers = { 'content-type': 'application/json', 'idempotency-key': key, connection: 'close' }
  const answer = await fetch(`${url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, ray: answer.headers.get('holdfast-ray'), text: await answer.text() }
}

const rounds = 6
const atOnce = 6

test('calls with one key at the same moment are one call, whichever workers they come to', async () => {
  const sim = await startSim({ rate: 200, slots: 64 })
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
    const callsOf = async (prompt: string): Promise<number> => {
      const answer = await fetch(`${sim.url}/lab/calls?prompt=${encodeURIComponent(prompt)}`)
      const { perPrompt } = (await answer.json()) as { perPrompt: Record<string, number> }
      return Object.values(perPrompt).reduce((sum, count) => sum + count, 0)
    }
    for (let round = 0; round < rounds; round++) {
      const prompt = `pressed twice ${round} tokens:12`
      const isStream = round % 2 === 0
      const body = { model: 'lab-model', stream: isStream, messages: [{ role: 'user', content: prompt }] }
      const send = (): Promise<Answered> => post(gateway.url, 'chat/completions', `chat-${round}`, body)
      const answers = await Promise.all(Array.from({ length: atOnce }, send))
      const [first] = answers
      for (const answer of answers) assert.deepEqual(answer, first)
      assert.equal(first?.status, 200)
      const words = [...(first?.text ?? '').matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('')
      assert.equal(words, expectedAnswer(prompt))
      assert.equal(await callsOf(prompt), 1, `calls at the model server in round ${round}`)
    }
    for (let round = 0; round < rounds; round++) {
      const prompt = `in the background ${round} tokens:6`
      const body = { model: 'lab-model', input: prompt, background: true }
      const send = (): Promise<Answered> => post(gateway.url, 'responses', `background-${round}`, body)
      const answers = await Promise.all(Array.from({ length: atOnce }, send))
      const ids = new Set(answers.map(({ text }) => (JSON.parse(text) as { id: string }).id))
      assert.equal(ids.size, 1, [...ids].join(' '))
    }
    const bodies = Array.from({ length: atOnce }, (_, i) => ({
      model: 'lab-model',
      messages: [{ role: 'user', content: `other words ${i % 2} tokens:6` }],
    }))
    const mixed = await Promise.all(bodies.map((body) => post(gateway.url, 'chat/completions', 'mixed', body)))
    const whole = mixed.filter(({ status }) => status === 200)
    assert.equal(new Set(whole.map(({ text }) => text)).size, 1, 'one of the two calls is answered')
    assert.deepEqual(new Set(mixed.map(({ status }) => status)), new Set([200, 422]), 'the other is refused')
  } finally {
    await sim.stop()
  }
})
