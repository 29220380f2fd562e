// `holdfast check` as a doctor: a server that is there, one that is not, a model that nobody has, a port that is taken.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import type { Finding } from '../../src/cli/finding.ts'
import { freePort, holdfast } from './gateway.ts'

test('each part of a patient is looked at, and what ails it is named with its cure', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-check-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const sim = await startSim({ model: 'lab' })
  t.after(() => sim.stop())
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const gone = await freePort()
  const file = join(folder, 'holdfast.yaml')
  const config = {
    stateDir: join(folder, 'state'),
    listeners: [{ host: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0 },
    upstreams: { here: { url: `${sim.url}/v1` } },
  }
  const ask = async (more: object): Promise<{ code: number | null; found: Record<string, Finding> }> => {
    writeFileSync(file, JSON.stringify({ ...config, ...more }))
    const { code, output } = await holdfast('check', file, '--json')
    const { findings } = JSON.parse(output) as { findings: Finding[] }
    return { code, found: Object.fromEntries(findings.map((each) => [each.about, each])) }
  }
  const good = await ask({})
  assert.equal(good.code, 0)
  assert.match(good.found['upstream here']?.words ?? '', /^answers in \d+ ms, offers lab$/)

  const { code, found } = await ask({
    listeners: [{ host: '127.0.0.1', port }],
    upstreams: { here: { url: `${sim.url}/v1` }, gone: { url: `http://127.0.0.1:${gone}/v1` }, bare: { url: sim.url } },
    pools: { all: { upstreams: ['here'] } },
    models: { chat: { pool: 'all', as: 'nobody-has-it' } },
  })
  assert.equal(code, 2)
  assert.equal(found['upstream gone']?.code, 'HF_UPSTREAM_REFUSED')
  assert.notEqual(found['upstream gone']?.cure, '')
  assert.equal(found['upstream bare']?.level, 'trouble', 'a URL without /v1')
  assert.match(found['upstream bare']?.cure ?? '', /\/v1/)
  assert.match(found['model chat']?.words ?? '', /no upstream of pool all offers nobody-has-it/)
  assert.match(found[`port ${port}`]?.words ?? '', /EADDRINUSE/)

  const web = await ask({
    web: {
      routes: [
        { folder },
        { path: '/none', folder: join(folder, 'none') },
        { path: '/up', app: sim.url },
        { path: '/down', app: `http://127.0.0.1:${gone}` },
      ],
    },
  })
  const level = (path: string): string | undefined => web.found[`web route ${path}`]?.level
  assert.deepEqual(['/', '/none', '/up', '/down'].map(level), ['warning', 'trouble', 'well', 'trouble'])
  assert.equal(web.found['web route /down']?.code, 'HF_APP_UNREACHABLE')

  const offline = await holdfast('check', file, '--offline')
  assert.equal(offline.code, 0, offline.output)
})
