/** What callers and model servers name cannot break a line of the log, move a cursor, or be run by a shell. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { banner } from '../../src/cli/banner.ts'
import { holdfast, startGateway } from '../crash/gateway.ts'

const escapes = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u0085\u2028\u2029\u202egpj.exe\u2066\ufeff'
const models = [`'; rm -rf ~ #`, `mean${escapes}model`, 'good/model:7b', '__proto__', 'x'.repeat(5000)]
/** All but line feeds. */
const bad = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

test('hostile names and words of errors stay words', { timeout: 120_000 }, async () => {
  const words = `first line\nray       01forged\ncause     nothing${escapes}`
  const server = createServer((request, response) => {
    request.resume()
    if (request.method === 'GET')
      return void response.end(JSON.stringify({ object: 'list', data: models.map((id) => ({ id, object: 'model' })) }))
    response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: words } }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'))
  const [file, log] = [join(folder, 'holdfast.json'), join(folder, 'holdfast.log')]
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  writeFileSync(file, JSON.stringify({ workers: 1, log: { file: log }, upstreams: { it: { url, kind: 'vllm' } } }))
  try {
    await using gateway = await startGateway('--config', file, '--state', folder)
    for (const model of [...models, 'nobody\u2028\u202e', '\ud800']) {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] })
      const headers = { 'content-type': 'application/json', 'x-request-id': 'a"b\\c\u009b', 'user-agent': '\u009b31m' }
      await (await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body, headers })).text()
      await (await fetch(`${gateway.url}/v1/${encodeURIComponent(model.toWellFormed())}\u009b%0a%1b`)).text()
    }
    await sleep(1200)
    for (const command of ['tail', 'explain last', 'status', 'alerts', 'top']) {
      for (const more of command === 'top' ? ['--json'] : ['', '--json']) {
        const args = [...command.split(' '), ...(more === '' ? [] : [more]), '--state', folder]
        const { output } = await holdfast(...args)
        assert.ok(output.length > 20, `${args.join(' ')}: ${output}`)
        assert.doesNotMatch(output, bad, `${args.join(' ')}: ${JSON.stringify(bad.exec(output))}`)
        assert.doesNotMatch(output, /^(ray|cause) +(01forged|nothing)/m, args.join(' '))
        if (more !== '') for (const line of command === 'tail' ? output.trim().split('\n') : [output]) JSON.parse(line)
      }
    }
    const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.ok(page.length < 500_000)
    await gateway.end('SIGTERM')
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    assert.ok(lines.length > models.length)
    for (const line of lines) {
      assert.doesNotMatch(line, bad)
      assert.doesNotThrow(() => JSON.parse(line), line)
    }
  } finally {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('what is to be copied into a shell does there what it says', () => {
  const ready = {
    urls: ['http://h:1'],
    adminUrl: 'http://h:2',
    statusUrl: null,
    remoteAdminUrl: null,
    workers: 1,
    notes: [],
    upstreams: [],
    logFile: null,
  }
  const text = banner({ ...ready, models })
  assert.match(text, /"model": "good\/model:7b"/)
  assert.doesNotMatch(text.replaceAll(/\u001b\[[0-9]*m/g, ''), bad)
  assert.match(banner({ ...ready, models: models.slice(0, 2) }), /"model": "MODEL"/)
})
