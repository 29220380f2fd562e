/** The operators' port off loopback: not without a token, and commands on the machine go on to work. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { holdfast, startGateway } from './gateway.ts'

const token = 'a-token-that-operators-have'

test('a port that others can reach needs a token, of some length', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-admin-'))
  const file = join(folder, 'holdfast.yaml')
  const check = (admin: object): ReturnType<typeof holdfast> => {
    writeFileSync(file, JSON.stringify({ admin, upstreams: { it: { url: 'http://127.0.0.1:1/v1' } } }))
    return holdfast('check', file, '--offline')
  }
  try {
    const open = await check({ host: '0.0.0.0', port: 5021 })
    assert.equal(open.code, 1)
    assert.match(open.output, /admin\.host: operators could be reached at 0\.0\.0\.0 by everyone: that needs a token/)
    const short = await check({ host: '0.0.0.0', port: 5021, token: 'short' })
    assert.match(short.output, /admin\.token: a secret of at least 16 characters/)
    assert.match((await check({ host: '0.0.0.0', port: 5021, token: 'env:NOT_SET_ANYWHERE' })).output, /is not set/)
    assert.equal((await check({ host: '0.0.0.0', port: 5021, token })).code, 0)
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('with a token the port is closed to who has none, and `holdfast restart` has its own way in', async () => {
  const sim = await startSim({ rate: 500 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-admin-'))
  const file = join(folder, 'holdfast.yaml')
  const upstreams = { it: { url: `${sim.url}/v1` } }
  writeFileSync(file, JSON.stringify({ workers: 1, admin: { port: 5021, token }, upstreams }))
  try {
    await using gateway = await startGateway('--config', file)
    const ask = async (path: string, shown?: string): Promise<number> =>
      (await fetch(`${gateway.adminUrl}${path}`, shown ? { headers: { authorization: `Bearer ${shown}` } } : {})).status
    assert.deepEqual([await ask('/record'), await ask('/metrics'), await ask('/readyz')], [401, 401, 200])
    assert.deepEqual([await ask('/record', token), await ask('/metrics', token)], [200, 200])
    const { code, output } = await holdfast('restart', '--state', gateway.state, '--json')
    assert.equal(code, 0, output)
    assert.equal((JSON.parse(output) as { generation: number }).generation, 2)
    assert.equal(statSync(join(gateway.state, 'holdfast.pid')).mode & 0o077, 0, 'others cannot read it')
  } finally {
    await sim.stop()
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})
