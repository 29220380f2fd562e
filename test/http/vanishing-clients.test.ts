/**
 * Visitors that go away, and visitors that do not read: nobody works for nobody, unless the answer was to be kept, and
 * what waits for a slow reader is bounded.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import {
  goodBody,
  openTestHouse,
  pause,
  post,
  request,
  type Script,
  streamBody,
  type TestHouse,
  until,
  type UpstreamCall,
} from './harness.ts'
import type { RawClient } from './raw-client.ts'

const limit = { timeout: 120_000 }
/** The promise: from the visitor's leaving to the model server's notice. */
const cancelMsMax = 150
const rounds = 5

const saySome: Script = (call) => {
  call.beginStream()
  call.say('one')
  call.say('two')
}
const saySilence: Script = () => {}

/** Ways to go: what each does to the connection. */
const ways: readonly (readonly [string, (client: RawClient) => void])[] = [
  ['closes', (client) => client.leave()],
  ['resets', (client) => client.reset()],
  ['closes its sending side', (client) => void client.socket.end()],
]

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

describe('a visitor that leaves, where leaving cancels', limit, () => {
  let house: TestHouse
  before(async () => {
    house = await openTestHouse({ onDisconnect: 'cancel' })
  })
  after(() => house[Symbol.asyncDispose]())
  afterEach(() => house.isWell())

  /** Leaves `rounds` times at the moment that `ready` waits for; gives how long the model server was kept busy. */
  async function leave(
    body: string,
    script: Script,
    go: (client: RawClient) => void,
    ready: (client: RawClient) => Promise<unknown>,
  ) {
    house.upstream.script = script
    const tookMs: number[] = []
    for (let i = 0; i < rounds; i++) {
      await using client = await house.visit()
      client.write(post(body))
      const call = await house.upstream.call(i)
      await ready(client)
      const leftMs = performance.now()
      go(client)
      await until('the model server to be told', () => call.leftMs !== null)
      tookMs.push((call.leftMs ?? 0) - leftMs)
    }
    await until('the accounts', () => house.accounts.filter(({ code }) => code === 'HF_CLIENT_GONE').length === rounds)
    for (const { outcome, status } of house.accounts) assert.deepEqual([outcome, status], ['cancelled', 499])
    return median(tookMs)
  }

  for (const [way, go] of ways) {
    test(`${way} while a whole answer is awaited: the model server is told at once`, async () => {
      const tookMs = await leave(goodBody, saySilence, go, () => pause(5))
      assert.ok(tookMs < cancelMsMax, `${tookMs} ms`)
    })
    test(`${way} before the first token: the model server is told at once`, async () => {
      const tookMs = await leave(
        streamBody,
        (call) => call.beginStream(),
        go,
        () => pause(5),
      )
      assert.ok(tookMs < cancelMsMax, `${tookMs} ms`)
    })
    test(`${way} in the middle of a stream: the model server is told at once`, async () => {
      const tookMs = await leave(streamBody, saySome, go, (client) => client.heard('two'))
      assert.ok(tookMs < cancelMsMax, `${tookMs} ms`)
    })
    test(`${way} before its request is complete: the model server hears nothing of it`, async () => {
      const bytes = post(goodBody)
      for (const count of [1, 30, bytes.length - goodBody.length, bytes.length - 1]) {
        await using client = await house.visit()
        client.write(bytes.subarray(0, count))
        await pause(10)
        go(client)
        await client.ended()
      }
      await pause(50)
      assert.equal(house.upstream.calls.length, 0)
      assert.equal(house.house.callsLive(), 0)
    })
  }

  test('leaves while the gateway waits for a model server to come back: it is not tried again', async () => {
    house.upstream.script = (call) => void call.response.destroy()
    await using client = await house.visit()
    client.write(post(goodBody))
    await house.upstream.call(0)
    client.leave()
    await until('the call to be over', () => house.house.callsLive() === 0)
    const { length } = house.upstream.calls
    await pause(1000)
    assert.equal(house.upstream.calls.length, length, 'tries after the visitor had gone')
  })

  test('leaves in a crowd, at any moment: nothing is left behind', async () => {
    house.upstream.script = (call) => {
      call.beginStream()
      let count = 0
      const timer = setInterval(() => {
        if (count++ < 20) return void call.say(`${count}`)
        clearInterval(timer)
        call.endStream()
      }, 5)
      call.response.on('close', () => clearInterval(timer))
    }
    const leaving = Array.from({ length: 200 }, async (_, i) => {
      await using client = await house.visit()
      client.write(post(streamBody))
      await pause((i * 37) % 130)
      if (i % 2 === 0) client.leave()
      else client.reset()
    })
    await Promise.all(leaving)
    await until('all calls to be over', () => house.house.callsLive() === 0)
    for (const { load } of house.house.fleet.upstreams) assert.equal(load.calls, 0)
    await until('the model server to be free', () => house.upstream.calls.every(({ response }) => response.closed))
  })
})

describe('a visitor that leaves, where the answer is to be kept', limit, () => {
  const folders: string[] = []
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })

  /** Leaves a house with a journal on disk, and gives what another house then tells of the answer. */
  async function keep(
    story: (house: TestHouse) => Promise<string | undefined>,
    query: string,
    settings: Parameters<typeof openTestHouse>[0] = {},
  ): Promise<string> {
    const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-vanish-'))
    folders.push(stateDir)
    const house = await openTestHouse({ stateDir, journal: { engine: 'sqlite' }, ...settings })
    let ray: string | undefined
    try {
      ray = await story(house)
      await house.isWell()
    } finally {
      await house[Symbol.asyncDispose]()
    }
    await using next = await openTestHouse({ stateDir, journal: { engine: 'sqlite' } })
    await using client = await next.visit()
    client.write(request('GET', `/v1/answers/${ray}${query}`, 'connection: close'))
    return await client.ended()
  }

  /** The ray of a stream that has begun. */
  async function rayOfBegun(client: RawClient): Promise<string | undefined> {
    await client.heard('two')
    return /holdfast-ray: (\S+)/.exec(client.received)?.[1]
  }

  async function finishAfterwards(house: TestHouse, call: UpstreamCall, ray: string | undefined): Promise<void> {
    await pause(100)
    assert.equal(call.leftMs, null, 'the model server was not disturbed')
    call.say('three')
    call.endStream()
    assert.equal((await house.account(ray)).outcome, 'complete')
  }

  for (const [way, go] of ways) {
    test(`${way} in the middle of a stream: it is finished into the journal`, async () => {
      const story = async (house: TestHouse): Promise<string | undefined> => {
        house.upstream.script = saySome
        await using client = await house.visit()
        client.write(post(streamBody))
        const ray = await rayOfBegun(client)
        go(client)
        await finishAfterwards(house, await house.upstream.call(0), ray)
        return ray
      }
      const body = await keep(story, '?stream=true')
      for (const word of ['one', 'two', 'three'])
        assert.equal(body.split(`"content":"${word}"`).length, 2, `${word}, once`)
      assert.ok(body.endsWith('data: [DONE]\n\n\r\n0\r\n\r\n'))
    })
  }

  test('before a whole answer: it is kept', async () => {
    const story = async (house: TestHouse): Promise<string | undefined> => {
      house.upstream.script = saySilence
      await using client = await house.visit()
      client.write(post(goodBody))
      const call = await house.upstream.call(0)
      client.leave()
      await pause(100)
      assert.equal(call.leftMs, null)
      const choice = { index: 0, message: { role: 'assistant', content: 'late' }, finish_reason: 'stop' }
      call.answer({ id: 'c', object: 'chat.completion', model: 'm', choices: [choice] })
      await until('the account', () => house.accounts.some((line) => line.outcome === 'complete'))
      return house.accounts.find((line) => line.outcome === 'complete')?.ray
    }
    assert.match(await keep(story, ''), /^HTTP\/1\.1 200 OK[^]*"late"/)
  })

  test('and then the model server dies: what came is kept, as failed', async () => {
    const story = async (house: TestHouse): Promise<string | undefined> => {
      house.upstream.script = saySome
      await using client = await house.visit()
      client.write(post(streamBody))
      const ray = await rayOfBegun(client)
      client.leave()
      await pause(50)
      ;(await house.upstream.call(0)).response.destroy()
      const account = await house.account(ray)
      assert.deepEqual([account.outcome, account.code], ['failed', 'HF_UPSTREAM_CUT'])
      return ray
    }
    const text = await keep(story, '?stream=true', { continuation: { enabled: false } })
    assert.match(text, /"one"[^]*"two"[^]*HF_UPSTREAM_CUT/)
    assert.doesNotMatch(text, /\[DONE\]/)
  })

  test('a key can ask for it where the house does not', async () => {
    const keys = [{ name: 'keeper', key: 'k-123456789', onDisconnect: 'detach' as const }]
    const house = await openTestHouse({ keys, onDisconnect: 'cancel' })
    try {
      house.upstream.script = saySome
      await using client = await house.visit()
      client.write(post(streamBody, { headers: ['authorization: Bearer k-123456789'] }))
      const ray = await rayOfBegun(client)
      client.leave()
      await finishAfterwards(house, await house.upstream.call(0), ray)
    } finally {
      await house[Symbol.asyncDispose]()
    }
  })
})

describe('a visitor that does not read', limit, () => {
  const mib = 2 ** 20
  const stalledReaderMs = 500
  /** What may be taken: the largest answer, and what is in the buffers of the connections. */
  const onTheWayBytesMax = 80 * mib

  /** Says as much as is taken, for ever; `count` tells how much that was. */
  function flood(count: { bytes: number }): Script {
    const words = 'x'.repeat(16_384)
    return (call) => {
      call.beginStream()
      const go = (): void => {
        do count.bytes += words.length
        while (call.say(words) && !call.response.destroyed)
      }
      call.response.on('drain', go)
      go()
    }
  }

  for (const onDisconnect of ['cancel', 'detach'] as const) {
    test(`at all (${onDisconnect}): little is kept for it, and it is cut off in time`, async () => {
      const house = await openTestHouse({
        onDisconnect,
        limits: { stalledReaderMs },
        journal: { engine: 'memory', answerBytesMax: 60 * mib },
      })
      const count = { bytes: 0 }
      try {
        house.upstream.script = flood(count)
        await using client = await house.visit()
        client.socket.pause()
        client.write(post(streamBody))
        const call = await house.upstream.call(0)
        let seenBytes = -1
        while (seenBytes !== count.bytes && house.accounts.length === 0) {
          seenBytes = count.bytes
          await pause(100)
        }
        // It does not slow down the model server, whose answer goes into the journal; that is bounded.
        await until('the model server to be told', () => call.leftMs !== null)
        await until('the account', () => house.accounts.length > 0)
        assert.ok(count.bytes < onTheWayBytesMax, `${count.bytes} bytes were taken from the model server`)
        assert.match(house.accounts[0]?.code ?? '', /^HF_(CLIENT_GONE|UPSTREAM_TOO_LARGE)$/)
        await house.isWell()
      } finally {
        await house[Symbol.asyncDispose]()
      }
    })
  }

  test('for a while, and then reads all: gets every byte in order', async () => {
    const house = await openTestHouse()
    try {
      house.upstream.script = (call) => {
        call.beginStream()
        let number = 0
        const go = (): void => {
          while (number < 1000) if (!call.say(`${number++}:${'x'.repeat(16_384)}`)) return
          if (!call.response.writableEnded) call.endStream()
        }
        call.response.on('drain', go)
        go()
      }
      await using client = await house.visit()
      client.socket.pause()
      client.write(post(streamBody))
      await house.upstream.call(0)
      await pause(500)
      client.socket.resume()
      const { body, framing } = await client.answer()
      assert.equal(framing, 'chunked')
      const numbers = [...body.matchAll(/"content":"(\d+):x{16384}"/g)].map((match) => Number(match[1]))
      assert.deepEqual(
        numbers,
        Array.from({ length: 1000 }, (_, i) => i),
      )
      assert.ok(body.endsWith('data: [DONE]\n\n'))
      await house.isWell()
    } finally {
      await house[Symbol.asyncDispose]()
    }
  })

  // `end` follows `write` at once for a whole answer, and takes the stall timer with it (HttpReply).
  test('a whole answer at all: it is not held for ever', async () => {
    const house = await openTestHouse({ limits: { stalledReaderMs } })
    try {
      house.upstream.script = (call) => {
        const choice = {
          index: 0,
          message: { role: 'assistant', content: 'x'.repeat(24 * mib) },
          finish_reason: 'stop',
        }
        call.answer({ id: 'c', object: 'chat.completion', model: 'm', choices: [choice] })
      }
      await using client = await house.visit()
      client.socket.pause()
      client.write(post(goodBody))
      await until('the account', () => house.accounts.length > 0)
      await pause(4 * stalledReaderMs)
      let tookBytes = 0
      client.socket.removeAllListeners('data')
      client.socket.on('data', (bytes: Buffer) => (tookBytes += bytes.length))
      client.socket.resume()
      await until('the rest, or the end', () => client.hasEnded || tookBytes > 24 * mib)
      assert.ok(tookBytes < 24 * mib, `${tookBytes} bytes were still held for a visitor who had taken nothing for long`)
    } finally {
      await house[Symbol.asyncDispose]()
    }
  })

  test('fast, but takes something all the time: is not cut off', async () => {
    const house = await openTestHouse({ limits: { stalledReaderMs: 1000 } })
    const wantedBytes = 16 * mib
    const bytesPerMs = 6000
    try {
      house.upstream.script = (call) => {
        const choice = {
          index: 0,
          message: { role: 'assistant', content: 'x'.repeat(wantedBytes) },
          finish_reason: 'stop',
        }
        call.answer({ id: 'c', object: 'chat.completion', model: 'm', choices: [choice] })
      }
      await using client = await house.visit()
      const { socket } = client
      const beganMs = performance.now()
      let tookBytes = 0
      let longestMs = 0
      let lastMs = beganMs
      socket.removeAllListeners('data')
      socket.on('data', (bytes: Buffer) => {
        const nowMs = performance.now()
        if (tookBytes > 0) longestMs = Math.max(longestMs, nowMs - lastMs)
        lastMs = nowMs
        tookBytes += bytes.length
        if (tookBytes > (nowMs - beganMs) * bytesPerMs) socket.pause()
      })
      client.write(post(goodBody))
      while (!client.hasEnded && tookBytes < wantedBytes && performance.now() - beganMs < 15_000) {
        if (tookBytes <= (performance.now() - beganMs) * bytesPerMs) socket.resume()
        await pause(10)
      }
      const told = `cut off after ${tookBytes} of ${wantedBytes} bytes; never took nothing for more than ${longestMs} ms`
      assert.ok(tookBytes >= wantedBytes, told)
    } finally {
      await house[Symbol.asyncDispose]()
    }
  })
})

describe('a visitor that sends nonsense in the middle of an answer', limit, () => {
  // The parser's refusal is written to the socket wherever the answer under way stands (answerBroken in the listener).
  test('gets the rest of it or a broken connection, but nothing else inside it', {}, async () => {
    const house = await openTestHouse()
    try {
      house.upstream.script = saySome
      await using client = await house.visit()
      client.write(post(streamBody))
      await client.heard('two')
      client.write('\0nonsense\r\n\r\n')
      await pause(50)
      ;(await house.upstream.call(0)).endStream()
      const text = await client.ended().catch((error: Error) => error.message)
      assert.equal(text.indexOf('HTTP/1.1 400', 1) === -1 || text.includes('\r\n0\r\n\r\nHTTP/1.1 400'), true, text)
    } finally {
      await house[Symbol.asyncDispose]()
    }
  })
})
