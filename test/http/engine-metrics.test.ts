/**
 * What the gateway makes of the pages on which engines tell of themselves: good ones show in its own metrics, and
 * garbage, silence and pages without an end do no harm.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { openSimServer } from '../../lab/sim-server.ts'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { MetricsScrape, pageBytesMax } from '../../src/relay/wire/metrics-scrape.ts'
import { Wires } from '../../src/relay/wire/wires.ts'
import { chat } from '../crash/chat.ts'
import { until } from './harness.ts'

/** A server with a list of models and these pages; `asked` counts by path. */
async function openPages(
  pages: Readonly<Record<string, (response: ServerResponse, request: IncomingMessage) => void>>,
) {
  const asked = new Map<string, number>()
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.set(path, (asked.get(path) ?? 0) + 1)
    const page = pages[path]
    if (page) page(response, request)
    else if (path === '/v1/models') response.end('{"data":[{"id":"m","owned_by":"vllm"}]}')
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (path: string) => asked.get(path) ?? 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function openAt(upstreams: ConfigInput['upstreams']): Promise<House> {
  return openHouse(checkConfig({ listeners: [{ port: 0 }], journal: { engine: 'memory' }, upstreams }), silentLog)
}

test('what an engine tells is in the gateway’s own metrics, and goes when it tells nothing any more', async () => {
  let page: string | null = 'vllm:num_requests_running 3\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.5\n'
  await using server = await openPages({
    '/metrics': (response) => void (page ? response.end(page) : response.destroy()),
  })
  await using house = await openAt({ it: { url: `${server.url}/v1` } })
  const upstream = house.fleet.upstreams[0]
  await until('the engine has told', () => upstream?.engine !== null)
  const text = await house.metrics.registry.metrics()
  assert.match(text, /^holdfast_upstream_engine_waiting\{upstream="it"\} 2$/m)
  assert.match(text, /^holdfast_upstream_engine_running\{upstream="it"\} 3$/m)
  assert.match(text, /^holdfast_upstream_engine_kv_usage\{upstream="it"\} 0.5$/m)
  page = null
  await until('it is forgotten', () => upstream?.engine === null)
  assert.doesNotMatch(await house.metrics.registry.metrics(), /^holdfast_upstream_engine_waiting\{/m)
  assert.equal(upstream?.restLeftMs, 0, 'which is nothing against the server')
})

test('the lab’s engines are understood, vLLM and llama.cpp', async () => {
  await using vllm = await openSimServer({ engine: { decodeRate: 50, slots: 2 } })
  await using llama = await openSimServer({ profile: 'llamacpp', engine: { decodeRate: 50, slots: 2 } })
  for (const { url, slots } of [
    { url: vllm.url, slots: null },
    { url: llama.url, slots: 2 },
  ]) {
    await using house = await openAt({ it: { url: `${url}/v1` } })
    const upstream = house.fleet.upstreams[0]
    const calls = [0, 1, 2].map((i) => chat(house.urls[0] ?? '', 'lab-model', `tokens:150 ${i}`, true))
    await until('two run and one waits', () => upstream?.engine?.running === 2 && upstream.engine.waiting === 1)
    assert.deepEqual([upstream?.engine?.isStepwise, upstream?.engine?.slots], [true, slots])
    assert.deepEqual(upstream?.engineLoad, { waiting: 1, running: 2 })
    await Promise.all(calls)
    assert.deepEqual(upstream?.engineLoad, { waiting: 0, running: 0 }, 'what came back since is known before it tells')
  }
})

test('a server without such a page is asked for it once, and not again soon', async () => {
  await using server = await openPages({})
  await using house = await openAt({
    it: { url: `${server.url}/v1`, kind: 'compatible' },
    no: { url: `${server.url}/v1`, metrics: false },
  })
  await until('it was asked', () => server.count('/metrics') > 0)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(server.count('/metrics'), 1)
  assert.ok(house.isReady())
})

test('one that is still loading its model is asked again soon', async () => {
  let isLoading = true
  await using server = await openPages({
    '/metrics': (response) =>
      void (isLoading ? response.writeHead(503).end('loading') : response.end('vllm:num_requests_running 1\n')),
  })
  await using house = await openAt({ it: { url: `${server.url}/v1` } })
  await until('it was asked twice', () => server.count('/metrics') > 1)
  isLoading = false
  await until('it has told', () => house.fleet.upstreams[0]?.engine?.running === 1)
})

test('the configuration may say where its metrics are; the key is not sent to another place', async () => {
  let header: string | undefined = 'none'
  await using other = await openPages({
    '/engine?x=1': (response, request) => {
      header = request.headers.authorization
      response.end('vllm:num_requests_running 1\n')
    },
  })
  await using server = await openPages({})
  process.env['HOLDFAST_TEST_KEY'] = 'secret-of-the-test'
  await using house = await openAt({
    it: { url: `${server.url}/v1`, key: 'env:HOLDFAST_TEST_KEY', metrics: `${other.url}/engine?x=1` },
  })
  await until('it was asked there', () => house.fleet.upstreams[0]?.engine?.running === 1)
  assert.equal(header, undefined)
  assert.equal(server.count('/metrics'), 0)
})

const drip = (response: ServerResponse, bytes: number, everyMs: number): void => {
  response.writeHead(200, { 'content-type': 'text/plain' })
  const timer = setInterval(() => response.write('vllm:num_requests_running 9\n'.repeat(bytes)), everyMs)
  response.on('close', () => clearInterval(timer))
}

const bad: readonly { name: string; says: RegExp; page: (response: ServerResponse) => void }[] = [
  { name: 'never ends, fast', says: /more than/, page: (response) => drip(response, 10_000, 1) },
  { name: 'never ends, slowly', says: /no whole answer/, page: (response) => drip(response, 1, 50) },
  { name: 'never begins', says: /no whole answer/, page: () => {} },
  {
    name: 'is larger than it may be',
    says: /more than/,
    page: (response) => void response.end(Buffer.alloc(pageBytesMax + 1)),
  },
  {
    name: 'breaks off',
    says: /./,
    page: (response) => void response.writeHead(200, { 'content-length': '99' }).write('x', () => response.destroy()),
  },
  { name: 'is no HTTP', says: /./, page: (response) => void response.socket?.end('\u0000\u0001garbage\r\n\r\n') },
]

for (const { name, says, page } of bad) {
  test(`a page that ${name} is given up in time, and the next one is read`, { timeout: 20_000 }, async () => {
    let isBad = true
    await using server = await openPages({
      '/metrics': (response) => void (isBad ? page(response) : response.end('vllm:num_requests_running 1\n')),
    })
    await using scrape = new MetricsScrape(systemClock, new Wires(systemClock))
    await assert.rejects(scrape.fetch(new URL(`${server.url}/metrics`), {}), says)
    isBad = false
    assert.deepEqual(await scrape.fetch(new URL(`${server.url}/metrics`), {}), {
      status: 200,
      text: 'vllm:num_requests_running 1\n',
    })
  })
}
