/** No secret passes, and what is none stays readable. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { redact } from './redact.ts'

const secret = 'Zq8vT3mLw0pXr5nB7cK2'

test('what servers and proxies quote of a secret is taken out', () => {
  const texts = [
    `Incorrect API key provided: sk-proj-${secret}. You can find your key in the settings.`,
    `invalid x-api-key: ${secret}`,
    `Authorization: Bearer ${secret}`,
    `{"authorization":"Basic ${secret}=="}`,
    `bad token Bearer ${secret}`,
    `Cookie: session=${secret}; theme=dark`,
    `set-cookie: id=${secret}`,
    `GET /v1/models?api_key=${secret}&page=2 failed`,
    `{"password": "${secret}"}`,
    `client_secret=${secret}`,
    `AIza${secret} is not valid`,
    `hf_${secret} has expired`,
    `gsk_${secret}`,
    `eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoi${secret}.${secret}`,
  ]
  for (const text of texts) {
    const told = redact(text)
    assert.equal(told.includes(secret), false, told)
    assert.match(told, /\[redacted\]/)
  }
})

test('what is no secret stays as it is', () => {
  const texts = [
    'status 503: the model is overloaded, try again in 20 s',
    'ECONNREFUSED 127.0.0.1:36305',
    'This model’s maximum context length is 4096 tokens',
    'the key is over its rate',
    'basic auth is not spoken here',
    'no tokens left: 0',
  ]
  for (const text of texts) assert.equal(redact(text), text)
})

test('any text is dealt with, and no secret comes through twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('Bearer ', 'sk-', 'api_key='), (around, kind) => {
      const told = redact(`${around} ${kind}${secret} ${around}`)
      assert.equal(told.includes(secret), false)
      assert.equal(redact(told).includes(secret), false)
    }),
  )
})

test('a long text without an end costs no time to speak of', () => {
  const texts = [
    'authorization'.repeat(5000),
    `Bearer ${' '.repeat(60_000)}`,
    'eyJ'.repeat(20_000),
    'sk-'.repeat(20_000),
  ]
  for (const text of texts) assert.ok(redact(text).length > 0)
})
