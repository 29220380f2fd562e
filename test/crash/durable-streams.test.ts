/** Durable streams when gateways die, when many are in use at once, and when several processes share one file. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Gateway, startGateway } from './gateway.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-streams-'))
  await writeFile(
    join(folder, 'holdfast.yaml'),
    'upstreams: { none: { url: http://127.0.0.1:9/v1 } }\nstreams: { longPollMs: 5000 }\n',
  )
})
after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

/** A gateway whose streams lie in the state folder of this name. */
function start(state: string): Promise<Gateway> {
  const flags = ['--config', join(folder, 'holdfast.yaml'), '--log-level', 'error', '--journal', 'memory']
  return startGateway(...flags, '--state', join(folder, state))
}

interface Said {
  readonly status: number
  readonly text: string
  readonly offset: string | null
}

async function ask(url: string, method: string, name: string, headers = {}, body?: string): Promise<Said> {
  const response = await fetch(`${url}/v1/stream/${name}`, {
    method,
    headers: { 'content-type': 'text/plain', ...headers },
    ...(body !== undefined && { body }),
  })
  return {
    status: response.status,
    text: await response.text(),
    offset: response.headers.get('stream-next-offset'),
  }
}

/** Writes lines to one stream, one after the other, until the gateway is gone. */
class Writer {
  readonly name: string
  /** Sequence of the first line that was not acknowledged. */
  next = 0
  readonly refused: string[] = []

  constructor(name: string) {
    this.name = name
  }

  line(seq: number): string {
    return `${this.name} ${seq};`
  }

  async write(url: string, countMax: number): Promise<void> {
    for (let count = 0; count < countMax; count++) {
      const producer = { 'producer-id': this.name, 'producer-epoch': '0', 'producer-seq': String(this.next) }
      try {
        const { status } = await ask(url, 'POST', this.name, producer, this.line(this.next))
        assert.ok(status === 200 || status === 204, `an append was answered with ${status}`)
        this.next++
        await this.#beRefused(url)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        return
      }
    }
  }

  /** Appends that must be refused, now and then: with a gap in the sequence, or of another type. */
  async #beRefused(url: string): Promise<void> {
    if (this.next % 5 !== 0) return
    const bad = `${this.name} refused ${this.next};`
    this.refused.push(bad)
    const producer = { 'producer-id': this.name, 'producer-epoch': '0', 'producer-seq': String(this.next + 7) }
    assert.equal((await ask(url, 'POST', this.name, producer, bad)).status, 409)
    assert.equal((await ask(url, 'POST', this.name, { 'content-type': 'a/b' }, bad)).status, 409)
  }
}

describe('durable streams', () => {
  test('a gateway killed under appends has every acknowledged one, once, and none that it refused', async (t) => {
    const writers = Array.from({ length: 12 }, (_, i) => new Writer(`w${i}`))
    let killCount = 0
    for (; killCount < 3; killCount++) {
      await using gateway = await start('killed')
      if (killCount === 0) await Promise.all(writers.map(({ name }) => ask(gateway.url, 'PUT', name)))
      const goal = writers.reduce((sum, { next }) => sum + next, 0) + 150
      const writing = Promise.all(writers.map((writer) => writer.write(gateway.url, 1000)))
      const reached = new Promise<void>((resolve) => {
        const look = setInterval(() => {
          if (writers.reduce((sum, { next }) => sum + next, 0) < goal) return
          clearInterval(look)
          resolve()
        }, 1)
      })
      await Promise.race([reached, writing])
      await gateway.end('SIGKILL')
      await writing
    }
    await using gateway = await start('killed')
    let count = 0
    for (const writer of writers) {
      const { text } = await ask(gateway.url, 'GET', writer.name)
      const lines = text.split(/(?<=;)/).filter((line) => line !== '')
      const wanted = Array.from({ length: lines.length }, (_, seq) => writer.line(seq))
      assert.deepEqual(lines, wanted, 'lines in order, each once, none that was refused')
      // The last one may have been kept without the answer having got through.
      assert.ok(lines.length === writer.next || lines.length === writer.next + 1, `${lines.length} of ${writer.next}`)
      count += lines.length
    }
    // Whoever repeats what was not answered, repeats nothing.
    await Promise.all(writers.map((writer) => writer.write(gateway.url, 2)))
    for (const writer of writers) {
      const { text } = await ask(gateway.url, 'GET', writer.name)
      assert.equal(text, Array.from({ length: writer.next }, (_, seq) => writer.line(seq)).join(''))
    }
    t.diagnostic(`${count} appends over ${killCount} kills`)
  })

  test('150 streams in use at once: no wrong refusal, and every append is there', async () => {
    await using gateway = await start('many')
    const names = Array.from({ length: 150 }, (_, i) => `s${i}`)
    const statuses = await Promise.all(names.map((name) => ask(gateway.url, 'PUT', name)))
    assert.deepEqual(new Set(statuses.map(({ status }) => status)), new Set([201]))
    const texts = await Promise.all(
      names.map(async (name) => {
        for (let i = 0; i < 12; i++) {
          const { status } = await ask(gateway.url, 'POST', name, {}, `${name}.${i} `)
          assert.equal(status, 204)
        }
        return (await ask(gateway.url, 'GET', name)).text
      }),
    )
    const wanted = names.map((name) => Array.from({ length: 12 }, (_, i) => `${name}.${i} `).join(''))
    assert.deepEqual(texts, wanted)
  })

  test('two gateways on one file: both write, readers of one hear of the other, a repetition is known to both', async () => {
    await using one = await start('shared')
    await using other = await start('shared')
    const { offset } = await ask(one.url, 'PUT', 'a')
    const beganMs = performance.now()
    const waiting = ask(other.url, 'GET', `a?offset=${offset}&live=long-poll`)
    await ask(one.url, 'GET', 'a?offset=now')
    await ask(one.url, 'POST', 'a', {}, 'news;')
    assert.equal((await waiting).text, 'news;')
    assert.ok(performance.now() - beganMs < 2000)

    const following = ask(other.url, 'GET', 'a?offset=-1&live=sse')
    const statuses = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(i % 2 === 0 ? one.url : other.url, 'POST', 'a', {}, `${i};`)),
    )
    assert.deepEqual(new Set(statuses.map(({ status }) => status)), new Set([204]))
    const producer = { 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '0' }
    const twice = await Promise.all([one, other].map(({ url }) => ask(url, 'POST', 'a', producer, 'once;')))
    assert.deepEqual(new Set(twice.map(({ status }) => status)), new Set([200, 204]))
    await ask(one.url, 'POST', 'a', { 'stream-closed': 'true' })
    const [first, second] = await Promise.all([one, other].map(({ url }) => ask(url, 'GET', 'a')))
    assert.equal(first?.text, second?.text)
    const parts = first?.text.split(';') ?? []
    assert.deepEqual(new Set(parts).size, parts.length, 'nothing twice')
    assert.equal(parts.length, 1 + 40 + 1 + 1)
    const events = (await following).text
    const heard = [...events.matchAll(/event: data\ndata:(.*)/g)].map((match) => match[1]).join('')
    assert.equal(heard, first?.text)
    assert.match(events, /"streamClosed":true/)
  })
})
