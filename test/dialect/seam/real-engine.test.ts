/**
 * A real engine (llama.cpp with the small model, greedy) goes on with its own answers, cut after any event: the text is
 * that of the unbroken answer, letter for letter, by every rung that it takes.
 */
import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTinyModel, type TinyModelServer } from '../../../lab/start-tiny-model.ts'
import { routes, type Call } from '../../../src/dialect/call.ts'
import { readCall } from '../../../src/dialect/read-call.ts'
import { ladder } from '../../../src/dialect/seam/ladder.ts'
import { openLeg } from '../../../src/dialect/seam/leg.ts'
import { readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import type { LegFacts } from '../../../src/dialect/seam/rung.ts'
import { translate } from '../../../src/dialect/translate.ts'
import type { Translation } from '../../../src/dialect/translation.ts'
import { checkShape } from './answer-shape.ts'
import { tell, type Told } from './lab-leg.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
const startMs = 180_000
const facts: LegFacts = {
  upstream: 'tiny',
  kind: 'llamacpp',
  speaks: new Set(['chat', 'completions', 'messages', 'responses']),
  model: 'tiny',
  isSameModel: true,
  rungs: new Set(['prefill', 'ask-again']),
}

let server: TinyModelServer | null = null
let reason = ''
before(
  async () => {
    try {
      server = await startTinyModel({ cacheDir, noise: 4, signal: AbortSignal.timeout(startMs) })
    } catch (error) {
      reason = `no real engine here: ${(error as Error).message}`
    }
  },
  { timeout: startMs + 10_000 },
)
after(() => server?.stop())

async function ask(url: string, translation: Translation): Promise<Told> {
  const response = await fetch(`${url}/v1${routes[translation.route].path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...translation.headers },
    body: Buffer.concat(translation.body),
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return tell(translation, text)
}

function textOf(call: Call, events: readonly KeptEvent[]): string {
  return readPartial(call.route, events)
    .parts.map(({ text }) => text)
    .join('')
}

/**
 * The same text; at the limit of tokens it may have one word more. An event can hold more than one token, so what is
 * left of the limit is known to a token or so where the ids are not told.
 */
function assertSame(text: string, expected: string, label: string): void {
  const more = text.startsWith(expected) ? text.slice(expected.length).trim() : ''
  assert.equal(more === '' || more.includes(' ') ? text : expected, expected, label)
}

const greedy = { model: 'tiny', stream: true, temperature: 0, max_tokens: 24 }
const question = 'Tell me about the sea.'
const calls = [
  readCall('chat', Buffer.from(JSON.stringify({ ...greedy, messages: [{ role: 'user', content: question }] })), {}),
  readCall('completions', Buffer.from(JSON.stringify({ ...greedy, prompt: question })), {}),
  readCall('messages', Buffer.from(JSON.stringify({ ...greedy, messages: [{ role: 'user', content: question }] })), {}),
]

for (const call of calls) {
  test(`${call.route}: the real engine goes on to the same end`, { timeout: 60_000 }, async (t) => {
    if (!server) return t.skip(reason)
    const translation = translate(call, facts.speaks, 'tiny')
    assert.ok(translation)
    const whole = await ask(server.url, translation)
    assert.ok(whole.reader.isComplete)
    const expected = textOf(call, whole.events)
    let tried = 0
    for (let cut = 2; cut < whole.events.length; cut += 3) {
      const before = whole.events.slice(0, cut)
      const partial = readPartial(call.route, before)
      if (partial.finish) break
      for (const rung of ladder(call, partial, facts)) {
        const leg = openLeg(call, partial, rung, facts)
        assert.ok(leg)
        const told = await ask(server.url, leg)
        assert.equal(told.reader.failure, null, `${rung.name} at ${cut}: ${told.reader.failure?.detail ?? ''}`)
        const joined = [...before, ...told.events]
        checkShape(call.route, joined, true)
        assertSame(textOf(call, joined), expected, `${rung.name} at ${cut}`)
        tried++
      }
    }
    assert.ok(tried > 6, String(tried))
  })
}
