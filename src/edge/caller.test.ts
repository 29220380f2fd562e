// Which key is whose, which is good, and who is cut off with one that is not.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { Fault } from '../fault/fault.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { KeptKey } from '../store/key-store.ts'
import { Callers } from './caller.ts'
import type { KeySettings } from './key-options.ts'
import { hashSecret } from './keys/key-secret.ts'

const settings: KeySettings = { tier: 'standard' }
const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` })

function kept(name: string, secret: string, more: Partial<KeptKey<KeySettings>> = {}): KeptKey<KeySettings> {
  const secrets = [{ hash: hashSecret(secret), prefix: secret.slice(0, 8), createdMs: 0, endsMs: null }]
  return { name, settings, createdMs: 0, endsMs: null, revokedMs: null, secrets, ...more }
}

function whoIs(callers: Callers, secret: string): string {
  try {
    return callers.identify(secret ? bearer(secret) : {}).name
  } catch (thrown) {
    return (thrown as Fault).code
  }
}

test('without any key everyone may call; with the first one, nobody without, nor once it is revoked', () => {
  const callers = new Callers([], new ManualClock())
  assert.equal(whoIs(callers, ''), '')
  callers.needKeys()
  callers.manage([kept('a', 'secret-a')])
  assert.deepEqual(
    ['', 'secret-a', 'other'].map((secret) => whoIs(callers, secret)),
    ['HF_KEY_UNKNOWN', 'a', 'HF_KEY_UNKNOWN'],
  )
  assert.deepEqual(callers.manage([kept('a', 'secret-a', { revokedMs: 1 })]), ['a'])
  assert.deepEqual(
    ['', 'secret-a'].map((secret) => whoIs(callers, secret)),
    ['HF_KEY_UNKNOWN', 'HF_KEY_REVOKED'],
  )
})

test('a key ends at its time, a rotated secret at its own', () => {
  const clock = new ManualClock()
  const callers = new Callers([], clock)
  const endsMs = clock.nowMs() + 1000
  const old = { hash: hashSecret('old-secret'), prefix: 'old', createdMs: 0, endsMs }
  const key = kept('a', 'new-secret')
  callers.manage([{ ...key, secrets: [...key.secrets, old] }, kept('b', 'secret-b', { endsMs })])
  callers.needKeys()
  const all = (): string[] => ['old-secret', 'new-secret', 'secret-b'].map((secret) => whoIs(callers, secret))
  assert.deepEqual(all(), ['a', 'a', 'b'])
  clock.advance(1000)
  assert.deepEqual(all(), ['HF_KEY_REVOKED', 'a', 'HF_KEY_REVOKED'])
})

test('only what goes to the holder of a key is cut with it', () => {
  const callers = new Callers([], new ManualClock())
  callers.manage([kept('a', 'secret-a'), kept('b', 'secret-b')])
  callers.needKeys()
  const destroyed: string[] = []
  const answerTo = (secret: string): EventEmitter => {
    const answer = Object.assign(new EventEmitter(), { destroy: () => void destroyed.push(secret) })
    callers.hold(callers.identify(bearer(secret)), answer)
    return answer
  }
  answerTo('secret-a')
  answerTo('secret-b')
  answerTo('secret-a').emit('close')
  callers.cut('a')
  assert.deepEqual(destroyed, ['secret-a'])
})
