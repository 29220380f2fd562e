// A page that failed is explained by its ray, like a call.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeYaml } from '../../src/config-file.ts'
import { freePort, holdfast, startGateway } from '../crash/gateway.ts'

test('`holdfast explain` says that the application is down', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-explained-'))
  try {
    const file = join(folder, 'holdfast.yaml')
    const upstreams = { none: { url: 'http://127.0.0.1:9/v1', kind: 'compatible', models: ['m'] } }
    const app = `http://127.0.0.1:${await freePort()}`
    await writeFile(file, writeYaml({ upstreams, web: { routes: [{ app }] } }))
    await using gateway = await startGateway('--config', file, '--state', join(folder, 'state'), '--log-level', 'error')
    let ray = ''
    for (let i = 0; i < 10; i++) {
      const answer = await fetch(`${gateway.url}/page`, { headers: { accept: 'text/html' } })
      ray = answer.headers.get('holdfast-ray') ?? ''
      assert.equal(answer.status, 502)
      assert.match(await answer.text(), new RegExp(ray))
    }
    let output = ''
    for (let tries = 0; tries < 50 && !/application/.test(output); tries++)
      output = (await holdfast('explain', ray, '--state', join(folder, 'state'))).output
    assert.match(output, /application behind this address is down/i)
    assert.match(output, /ECONNREFUSED/)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
})
