// Processes that share a journal share its answers: what one has, another gives; what one is making, another joins.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { commandConfig } from '../../src/cli/command-config.ts'
import type { ConfigInput } from '../../src/config.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { KeyDesk } from '../../src/house/key-desk.ts'
import { openTestHouse, pause, type TestHouse, until } from './harness.ts'
import { callStream, type EventReader, hi, readAgain, sayWords, urlOf, words } from './resume-rig.ts'

const program = join(import.meta.dirname, '../../src/cli/holdfast.ts')

let folder: string
let first: TestHouse
let second: TestHouse

function settings(url?: string): Partial<ConfigInput> {
  return {
    stateDir: folder,
    journal: { engine: 'sqlite' },
    record: { enabled: false },
    timeouts: { patienceMs: 0 },
    onDisconnect: 'cancel',
    ...(url !== undefined && { upstreams: { only: { url, kind: 'llamacpp', models: ['m'] } } }),
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-cache-'))
  first = await openTestHouse(settings())
  second = await openTestHouse(settings(first.upstream.url))
})
afterEach(async () => {
  await second[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const use = { 'holdfast-cache': 'use' }
const ask = (house: TestHouse): Promise<EventReader> => callStream(urlOf(house), { messages: hi }, use)
const stateOf = ({ answer }: EventReader): string | undefined =>
  /^\w+/.exec(answer.headers.get('holdfast-cache') ?? '')?.[0]

/** One answer, begun at one process and joined at the other; three words of it have been said. */
async function readTogether(): Promise<{ one: EventReader; other: EventReader }> {
  first.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 3)
  }
  const one = await ask(first)
  await one.heard(3)
  const other = await ask(second)
  await other.heard(3)
  return { one, other }
}

describe('two processes with one journal', () => {
  test('what one was given, the other gives', async () => {
    const one = await (await ask(first)).ended()
    const other = await (await ask(second)).ended()
    assert.deepEqual([stateOf(one), stateOf(other), other.bytes], ['miss', 'hit', one.bytes])
    assert.equal(first.upstream.calls.length, 1)
  })

  test('what one is making, the other joins, and each reader gets every event once', async () => {
    const { one, other } = await readTogether()
    const call = await first.upstream.call(0)
    sayWords(call, 3, 6)
    call.endStream()
    await Promise.all([one.ended(), other.ended()])
    assert.equal(other.text, words(6))
    assert.deepEqual([other.bytes, stateOf(other)], [one.bytes, 'collapsed'])
    assert.equal(first.upstream.calls.length, 1)
  })

  test('the first caller may leave at one: it goes on for those who joined at the other', async () => {
    const { one, other } = await readTogether()
    one.leave()
    const call = await first.upstream.call(0)
    for (let i = 3; i < 9; i++) {
      await pause(450)
      sayWords(call, i, i + 1)
      await other.heard(i + 1)
    }
    call.endStream()
    await other.ended()
    assert.deepEqual([other.ending, other.text], ['end', words(9)])
  })

  test('when one goes, the other goes on with what it was making; what was mended is kept for nobody', async () => {
    const { other } = await readTogether()
    first.upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 3, 6)
      call.endStream()
    }
    await first.house[Symbol.asyncDispose]()
    await other.ended()
    assert.deepEqual([other.ending, other.text], ['end', words(6)])
    assert.deepEqual(
      other.ids,
      other.ids.map((_, i) => i),
    )
    assert.equal(first.upstream.calls.length, 2)
    assert.equal(stateOf(await (await ask(second)).ended()), 'miss')
  })

  test('of calls at the same moment at both one is made, and all are whole', async () => {
    first.upstream.script = (call) => {
      setTimeout(() => {
        call.beginStream()
        sayWords(call, 0, 4)
        call.endStream()
      }, 50)
    }
    const readers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i % 2 === 0 ? first : second)))
    for (const reader of readers) {
      await reader.ended()
      assert.deepEqual([reader.ending, reader.text], ['end', words(4)])
    }
    assert.equal(first.upstream.calls.length, 1)
    const states = readers.map(stateOf)
    assert.equal(states.filter((state) => state === 'miss').length, 1, states.join())
    await until('their accounts', () => first.accounts.length + second.accounts.length === 40)
    assert.ok([...first.accounts, ...second.accounts].every(({ outcome }) => outcome === 'complete'))
  })
})

describe('a cache that keys share', () => {
  test('a key that is revoked loses its answer, and not those who joined it', async () => {
    const place = mkdtempSync(join(tmpdir(), 'holdfast-cache-keys-'))
    const desk = new KeyDesk(commandConfig({ state: place }), systemClock, systemRandom)
    const create = (name: string): string => {
      return desk.create({ name, settings: { tier: 'standard', cache: 'all' }, days: undefined }).secret
    }
    const [anns, bobs] = [create('ann'), create('bob')]
    const house = await openTestHouse({ ...settings(), stateDir: place, cache: { shared: true } })
    house.upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 0, 2)
    }
    const asWho = (secret: string): Promise<EventReader> =>
      callStream(urlOf(house), { messages: hi }, { authorization: `Bearer ${secret}` })
    const ann = await asWho(anns)
    await ann.heard(2)
    const bob = await asWho(bobs)
    await bob.heard(2)
    desk.revoke('ann')
    await ann.ended()
    assert.equal(ann.ending, 'broken')
    const call = await house.upstream.call(0)
    sayWords(call, 2, 4)
    call.endStream()
    await bob.ended()
    assert.deepEqual([bob.ending, bob.text, house.upstream.calls.length], ['end', words(4), 1])
    await house[Symbol.asyncDispose]()
    rmSync(place, { recursive: true, force: true })
  })
})

describe('holdfast answers', () => {
  const run = promisify(execFile)
  const answers = async (...words: string[]): Promise<string> =>
    (await run(process.execPath, [program, 'answers', ...words, '--state', folder])).stdout

  test('lists what is kept while the gateway runs, and purges it for all processes', async () => {
    assert.match(await answers('list'), /empty/)
    const one = await (await ask(first)).ended()
    const { kept } = JSON.parse(await answers('list', '--json')) as { kept: { model: string; count: number }[] }
    assert.deepEqual(
      kept.map(({ model, count }) => [model, count]),
      [['m', 1]],
    )
    assert.match(await answers('purge', '--model', 'other'), /^0 /)
    assert.equal(stateOf(await (await ask(second)).ended()), 'hit')
    assert.match(await answers('purge', '--model', 'm'), /^1 /)
    assert.equal(stateOf(await (await ask(second)).ended()), 'miss')
    // Whose it was reads it again.
    const again = await readAgain(urlOf(first), `answers/${one.answer.headers.get('holdfast-ray')}`)
    assert.equal((await again.ended()).text, one.text)
    await assert.rejects(answers('purge'), /Say what to purge/)
  })
})
