// Taking things out of the cache of a running gateway with two workers: by command, and over the operators' port.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeYaml } from '../../src/config-file.ts'
import { holdfast, startGateway } from '../crash/gateway.ts'

test('what is purged is gone for all workers at once; what is not stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-purge-'))
  let count = 0
  const app = createServer((request, response) => {
    count++
    const tag = (request.url ?? '').slice(1, 4)
    response.writeHead(200, { 'cache-control': 'max-age=600', 'cache-tag': tag, 'content-length': 2 }).end('ok')
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  try {
    const file = join(folder, 'holdfast.yaml')
    const state = join(folder, 'state')
    const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
    const upstreams = { none: { url: 'http://127.0.0.1:9/v1', kind: 'compatible', models: ['m'] } }
    await writeFile(file, writeYaml({ upstreams, web: { routes: [{ app: url }] } }))
    await using gateway = await startGateway('--config', file, '--state', state, '--log-level', 'error')
    const { host } = new URL(gateway.url)
    const get = async (path: string): Promise<boolean> => {
      const { headers } = await fetch(`${gateway.url}${path}`, { headers: { connection: 'close' } })
      return /hit/.test(headers.get('cache-status') ?? '')
    }
    const isKept = async (path: string): Promise<boolean> => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => get(path)))
      return answers.every(Boolean)
    }
    const paths = ['/red/1', '/red/2', '/blu/1', '/grn/1']
    for (const path of paths) await get(path)
    for (const path of paths) assert.ok(await isKept(path), path)
    assert.equal(count, paths.length)

    const listed = await holdfast('cache', 'list', '--state', state, '--json')
    assert.equal(listed.code, 0, listed.output)
    const { entries, kept } = JSON.parse(listed.output) as {
      entries: number
      kept: { url: string; 'cache-tag': string }[]
    }
    assert.equal(entries, 4)
    assert.deepEqual(
      kept.map(({ url: key }) => key).toSorted(),
      paths.map((path) => `http://${host}${path}`).toSorted(),
    )

    const tagged = await holdfast('cache', 'purge', '--tag', 'red', '--state', state)
    assert.deepEqual([tagged.code, tagged.output], [0, '2 answers taken out.\n'])
    const one = await holdfast('cache', 'purge', `http://${host}/grn/1`, '--state', state, '--json')
    assert.deepEqual(JSON.parse(one.output), { purged: 1 })
    assert.deepEqual([await get('/red/1'), await get('/grn/1'), await isKept('/blu/1')], [false, false, true])

    const purge = async (body: unknown, type = 'application/json'): Promise<[number, unknown]> => {
      const options = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': type } }
      const answer = await fetch(`${gateway.adminUrl}/cache/purge`, options)
      return [answer.status, await answer.json()]
    }
    assert.deepEqual(await purge({ prefix: `http://${host}/blu/` }), [200, { purged: 1 }])
    assert.equal(await get('/blu/1'), false)
    // A page of another site can send this much without being asked, and no more.
    assert.equal((await purge({ all: true }, 'text/plain'))[0], 415)
    for (const bad of [{}, { all: false }, { tag: 'a', all: true }, { prefix: '' }, [], null, { url: 1 }])
      assert.equal((await purge(bad))[0], 400, JSON.stringify(bad))
    assert.equal((await fetch(`${gateway.adminUrl}/cache/purge`)).status, 405)
    const shown = (await (await fetch(`${gateway.adminUrl}/cache?tag=blu`)).json()) as {
      entries: number
      kept: object[]
    }
    assert.deepEqual([shown.entries, shown.kept.length], [3, 1])
    assert.equal((await purge({ all: true }))[0], 200)
    assert.equal(await get('/red/1'), false)

    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(metrics, /^holdfast_web_requests_total\{route="\/",status="2xx",cache="hit"\} \d+$/m)
    assert.match(metrics, /^holdfast_cache_entries 1$/m)
  } finally {
    app.closeAllConnections()
    app.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
})

test('where there is no cache, the command says so', async () => {
  const { code, output } = await holdfast(
    'cache',
    'purge',
    '--all',
    '--state',
    join(tmpdir(), 'holdfast-no-such-folder'),
  )
  assert.equal(code, 1)
  assert.match(output, /There is no cache in .*--state/)
  assert.match((await holdfast('cache', 'purge')).output, /an address, --prefix, --tag, or --all/)
})
