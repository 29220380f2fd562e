// A real EventSource reads an answer: it comes back by itself, has every event once, and ends for good at the end.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openFaultProxy } from '../../lab/fault-proxy.ts'
import { checkConfig } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { openTestHouse, ScriptedUpstream, until } from './harness.ts'
import { callStream, hi, rayIn, sayWords, urlOf, words } from './resume-rig.ts'

interface Told {
  readonly is: 'open' | 'event' | 'lost' | 'over'
  readonly id?: string
  readonly data?: string
}

class ChildSource implements AsyncDisposable {
  readonly told: Told[] = []
  #child: ChildProcess

  constructor(url: string) {
    const main = join(import.meta.dirname, 'event-source-child.ts')
    this.#child = spawn(process.execPath, ['--experimental-eventsource', '--no-warnings', main, url], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.told.push(JSON.parse(line) as Told)
    })
  }

  get ids(): number[] {
    return this.told.filter(({ is }) => is === 'event').map(({ id }) => Number(id))
  }

  get text(): string {
    const chunks = this.told.filter(({ data }) => data?.startsWith('{')).map(({ data = '' }) => JSON.parse(data))
    return chunks.map(({ choices }) => (choices[0].delta.content as string) ?? '').join('')
  }

  count(is: Told['is']): number {
    return this.told.filter((each) => each.is === is).length
  }

  heard(count: number): Promise<void> {
    return until(`${count} events at the EventSource`, () => this.ids.length >= count)
  }

  over(): Promise<void> {
    return until('the end of the EventSource', () => this.count('over') > 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}

test('drops and comes back until all has been said, and then stays away', async () => {
  await using house = await openTestHouse()
  await using proxy = await openFaultProxy({ target: urlOf(house) })
  house.upstream.script = (call) => {
    call.beginStream()
    sayWords(call, 0, 3)
  }
  const first = await callStream(urlOf(house), { messages: hi })
  await first.heard(3)
  await using source = new ChildSource(`${proxy.url}/v1/answers/${rayIn(first)}`)
  await source.heard(3)
  const call = await house.upstream.call(0)
  for (const [from, how] of [
    [3, 'rst'],
    [5, 'fin'],
  ] as const) {
    proxy.cut(how)
    await until('the loss of the link', () => source.count('lost') > (from === 3 ? 0 : 1))
    sayWords(call, from, from + 2)
    await source.heard(from + 2)
  }
  call.endStream()
  await source.over()
  assert.deepEqual(source.ids, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  assert.equal(source.text, words(7))
  assert.equal(house.upstream.calls.length, 1)
  await first.ended()
  await house.isWell()
})

test('reads on from the next start of the gateway', async () => {
  await using upstream = await ScriptedUpstream.open()
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const open = (port: number) =>
    openHouse(
      checkConfig({
        listeners: [{ port }],
        stateDir,
        journal: { engine: 'sqlite', leaseMs: 400 },
        upstreams: { only: { url: upstream.url, kind: 'llamacpp', models: ['m'] } },
      }),
      silentLog,
    )
  try {
    upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 0, 3)
    }
    const house = await open(0)
    const url = house.urls[0] ?? ''
    const first = await callStream(url, { messages: hi })
    await first.heard(3)
    await using source = new ChildSource(`${url}/v1/answers/${rayIn(first)}`)
    await source.heard(3)
    // Asked to go on with what was said, it does so.
    upstream.script = (call) => {
      call.beginStream()
      sayWords(call, 3, 6)
      call.endStream()
    }
    await house[Symbol.asyncDispose]()
    await using _next = await open(Number(new URL(url).port))
    await source.over()
    assert.equal(source.text, words(6))
    assert.deepEqual(source.ids, [...source.ids.keys()])
  } finally {
    await rm(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})
