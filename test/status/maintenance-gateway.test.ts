/** Planned maintenance through the whole house, and by the command: callers, answers under way, the record. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSimServer } from '../../lab/sim-server.ts'
import { checkConfig } from '../../src/config.ts'
import { ConfigError } from '../../src/ground/config-error.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')
/** A window holds within a second or two. */
const patienceMs = 15_000

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function holdfast(cwd: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-maintenance-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

test('a window that is added closes an upstream without a restart, and one that is cancelled opens it', async () => {
  using state = folder()
  await using alone = await openSimServer({ model: 'only' })
  await using other = await openSimServer({ model: 'm' })
  await using second = await openSimServer({ model: 'm' })
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    stateDir: state.path,
    workers: 1,
    upstreams: {
      alone: { url: `${alone.url}/v1` },
      other: { url: `${other.url}/v1` },
      second: { url: `${second.url}/v1` },
    },
  })
  await using house = await openHouse(config, silentLog)
  const ask = (model: string, words = 'tokens:2'): Promise<Response> =>
    fetch(`${house.urls[0]}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: words }] }),
    })
  const until = async (model: string, status: number): Promise<Response> => {
    const endMs = performance.now() + patienceMs
    for (;;) {
      const answer = await ask(model)
      if (answer.status === status) return answer
      await answer.body?.cancel()
      assert.ok(performance.now() < endMs, `${model} never answered ${status}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const underWay = await ask('only', 'tokens:400 pace:10')
  assert.equal(underWay.status, 200)
  const from = new Date(Date.now() - 60_000).toISOString()
  const flags = ['--state', state.path, '--json']
  const added = await holdfast(
    state.path,
    'maintenance',
    'add',
    '--title',
    'New drivers',
    '--from',
    from,
    '--minutes',
    '90',
    '--upstream',
    'alone',
    '--upstream',
    'other',
    ...flags,
  )
  assert.equal(added.code, 0, added.stderr)
  const { id } = JSON.parse(added.stdout) as { id: string }

  const refused = await until('only', 503)
  const end = new Date(Date.parse(from) + 90 * 60_000).toISOString()
  assert.equal(refused.headers.get('holdfast-until'), end)
  assert.equal(refused.headers.get('retry-after'), '60')
  const { error } = (await refused.json()) as { error: Record<string, unknown> }
  assert.equal(error['cause'], 'HF_MAINTENANCE')
  assert.equal(error['until'], end)
  assert.ok(Math.abs(Number(error['retry_after_ms']) - (Date.parse(end) - Date.now())) < 30_000)
  assert.match(String(error['message']), /planned maintenance until \d{4}-/)

  const before = other.url && house.fleet.upstreams.find(({ name }) => name === 'other')?.callCount
  for (let i = 0; i < 12; i++) assert.equal((await until('m', 200)).status, 200)
  assert.equal(
    house.fleet.upstreams.find(({ name }) => name === 'other')?.callCount,
    before,
    'none went to the closed one',
  )

  const text = await underWay.text()
  assert.match(text, /"finish_reason":"(stop|length)"/, 'the answer under way came to its end')

  const cancelled = await holdfast(state.path, 'maintenance', 'cancel', id, ...flags)
  assert.equal(cancelled.code, 0, cancelled.stderr)
  await (await until('only', 200)).text()
  const again = await holdfast(state.path, 'maintenance', 'cancel', id, '--state', state.path)
  assert.notEqual(again.code, 0)
  const listed = await holdfast(state.path, 'maintenance', 'list', ...flags)
  const { windows } = JSON.parse(listed.stdout) as { windows: { id: string; state: string; title: string }[] }
  assert.deepEqual(
    windows.map((each) => [each.id, each.title, each.state]),
    [[id, 'New drivers', 'over']],
  )
})

test('an answer that announced work cuts counts for no objective; another one that is cut does', async () => {
  using state = folder()
  await using parts = new AsyncDisposableStack()
  const servers = [await openSimServer({ model: 'planned' }), await openSimServer({ model: 'sudden' })] as const
  for (const server of servers) parts.use(server)
  const config = checkConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    stateDir: state.path,
    workers: 1,
    timeouts: { patienceMs: 100 },
    upstreams: { planned: { url: `${servers[0].url}/v1` }, sudden: { url: `${servers[1].url}/v1` } },
  })
  await using house = await openHouse(config, silentLog)
  const ask = (model: string, words = 'tokens:4000 pace:20'): Promise<Response> =>
    fetch(`${house.urls[0]}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: words }] }),
    })
  const bad = (): number => house.signs().objectives['availability']?.[1] ?? 0
  const underWay = [await ask('planned'), await ask('sudden')]
  const window = ['--title', 'Racks', '--from', new Date(Date.now() - 60_000).toISOString(), '--minutes', '90']
  const flags = ['--upstream', 'planned', '--state', state.path]
  const added = await holdfast(state.path, 'maintenance', 'add', ...window, ...flags)
  assert.equal(added.code, 0, added.stderr)
  const endMs = performance.now() + patienceMs
  for (let status = 0; status !== 503; ) {
    const answer = await ask('planned', 'tokens:2')
    status = answer.status
    await answer.text()
    assert.ok(performance.now() < endMs, `never refused: ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  for (const server of servers) await server[Symbol.asyncDispose]()
  for (const answer of underWay) await answer.text().catch(() => {})
  const settledMs = performance.now() + patienceMs
  while (house.callsLive() > 0) {
    assert.ok(performance.now() < settledMs, `${house.callsLive()} are live`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(bad(), 1)
})

test('the command says what is wrong with a window, and changes nothing', async () => {
  using state = folder()
  const add = (...args: string[]): Promise<Ended> =>
    holdfast(state.path, 'maintenance', 'add', '--state', state.path, ...args)
  const wrong: [string[], RegExp][] = [
    [['--title', 'x', '--from', '2031-01-01T02:00', '--to', '2031-01-01T01:00'], /ends before it begins/],
    [['--title', 'x', '--from', '2021-01-01T02:00'], /over already/],
    [['--title', 'x', '--from', 'soon'], /no moment/],
    [['--title', 'x'.repeat(200), '--from', '2031-01-01T02:00'], /title/],
    [['--title', 'x', '--every', 'week', '--days', 'someday', '--at', '02:00'], /days/],
    [['--title', 'x', '--from', '2031-01-01T02:00', '--time-zone', 'No/Where'], /no time zone/],
  ]
  for (const [args, words] of wrong) {
    const { code, stderr } = await add(...args)
    assert.notEqual(code, 0, args.join(' '))
    assert.match(stderr, words)
    assert.doesNotMatch(stderr, /\n\s+at /, 'no trace')
  }
  assert.match((await holdfast(state.path, 'maintenance', 'list', '--state', state.path)).stdout, /No maintenance/)
  const gone = await holdfast(
    state.path,
    'maintenance',
    'add',
    '--title',
    'x',
    '--from',
    '2031-01-01T02:00',
    '--state',
    'nowhere',
  )
  assert.match(gone.stderr, /no state folder/)
})

test('windows in the configuration name upstreams and components that there are', () => {
  const config = (window: object): unknown => ({
    upstreams: { gpu1: { url: 'http://127.0.0.1:1/v1' } },
    status: { components: [{ name: 'Chat' }], maintenance: [{ title: 'x', from: '2031-01-01T02:00', ...window }] },
  })
  assert.equal(checkConfig(config({ upstreams: ['gpu1'], components: ['Chat'] })).status.maintenance.length, 1)
  assert.throws(() => checkConfig(config({ upstreams: ['gpu2'] })), /no upstream named "gpu2"/)
  assert.throws(() => checkConfig(config({ components: ['Chta'] })), /no component named "Chta"[^]*Did you mean `Chat`/)
  assert.throws(() => checkConfig(config({ to: '2030-01-01T00:00' })), ConfigError)
})
