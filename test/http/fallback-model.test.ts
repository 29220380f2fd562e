/** A fallback with another model: it goes on with a broken answer, unless that is forbidden. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedAnswer } from '../../lab/answer.ts'
import { openSimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'

const prompt = 'which model tokens:30'

/** Asks a house whose first server breaks off after ten tokens; the second has another model. */
async function ask(settings: Partial<ConfigInput>, headers: Record<string, string> = {}): Promise<string> {
  await using first = await openSimServer({ model: 'large' })
  await using second = await openSimServer({ model: 'small' })
  first.order({ kind: 'cut', afterTokens: 10 })
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    journal: { engine: 'memory' },
    upstreams: { first: { url: `${first.url}/v1` }, second: { url: `${second.url}/v1` } },
    pools: { all: { upstreams: ['first', { name: 'second', priority: 1, model: 'small' }] } },
    timeouts: { patienceMs: 0 },
    ...settings,
  })
  await using house = await openHouse(config, silentLog)
  const body = JSON.stringify({ model: 'large', stream: true, messages: [{ role: 'user', content: prompt }] })
  const answer = await fetch(`${house.urls[0]}/v1/chat/completions`, { method: 'POST', headers, body })
  let text = ''
  try {
    for await (const bytes of answer.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(bytes).toString()
  } catch {
    // Broken off, as a broken answer is.
  }
  return text
}

const wordsOf = (stream: string): string =>
  [...stream.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)]
    .map((match) => JSON.parse(match[1] as string) as string)
    .join('')

test('another model goes on where it may, and the caller who asks for it is told so', async () => {
  const stream = await ask({}, { 'holdfast-seams': 'mark' })
  assert.equal(wordsOf(stream), expectedAnswer(prompt))
  assert.match(stream, /"holdfast":\{"continued":1,"approximate":(true|false),"upstreams":\["first","second"\]\}/)
  assert.match(stream, /data: \[DONE\]/)
})

for (const [name, settings, headers] of [
  ['by the caller', {}, { 'holdfast-continue': 'same-model' }],
  ['by the configuration', { continuation: { sameModelOnly: true } }, {}],
] as const) {
  test(`forbidden ${name}: an honest error instead`, async () => {
    const stream = await ask(settings, headers)
    assert.ok(expectedAnswer(prompt).startsWith(wordsOf(stream)))
    assert.match(stream, /"cause":"HF_UPSTREAM_CUT"/)
    assert.doesNotMatch(stream, /\[DONE\]/)
  })
}
