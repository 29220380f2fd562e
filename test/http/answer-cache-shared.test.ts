// Processes that share a journal share its answers: what one has, another gives; what one is making, another joins.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { openTestHouse, type TestHouse, until } from './harness.ts'
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

describe('two processes with one journal', () => {
  test('what one was given, the other gives', async () => {
    const one = await (await ask(first)).ended()
    const other = await (await ask(second)).ended()
    assert.deepEqual([stateOf(one), stateOf(other), other.bytes], ['miss', 'hit', one.bytes])
    assert.equal(first.upstream.calls.length, 1)
  })

  test('what one is making, the other joins, and each reader gets every event once', async () => {
    first.upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 0, 3)
    }
    const one = await ask(first)
    await one.heard(3)
    const other = await ask(second)
    await other.heard(3)
    const call = await first.upstream.call(0)
    sayWords(call, 3, 6)
    call.endStream()
    await Promise.all([one.ended(), other.ended()])
    assert.equal(other.text, words(6))
    assert.deepEqual([other.bytes, stateOf(other)], [one.bytes, 'collapsed'])
    assert.equal(first.upstream.calls.length, 1)
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
