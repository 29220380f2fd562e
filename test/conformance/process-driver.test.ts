// The process driver with real processes: the contract of all drivers, and what only processes do to one.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Driver, ReplicaOrder } from '../../src/fleet/driver.ts'
import { ProcessDriver } from '../../src/fleet/driver/process-driver.ts'
import { listenerOn } from '../../src/fleet/driver/port-listener.ts'
import { processSpecSchema } from '../../src/fleet/driver/process-options.ts'
import { findByEnvironment, listRunning } from '../../src/fleet/driver/process-table.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { programs } from './replica-program.ts'
import { asked, find, orderOf, type ReplicaBench, replicaSuite, serving, until } from './replica-suite.ts'

const root = mkdtempSync(join(tmpdir(), 'holdfast-replicas-'))
const specOf = (...command: string[]) => ({ ...processSpecSchema.parse({ command, inherit: ['PATH'] }) })
const program = (text: string) => specOf(process.execPath, '-e', text)
const openDriver = (site = 'ours'): Driver =>
  new ProcessDriver({ clock: systemClock, folder: join(root, site), environment: process.env })

const isAlive = (pid: number): boolean => listRunning().some((each) => each.pid === pid)

const bench: ReplicaBench = {
  openDriver: async (site) => openDriver(site),
  spec: (name) => program(programs[name]),
  absentSpec: specOf('/nowhere/no-such-program'),
  crash: async (name) => {
    await using driver = openDriver()
    process.kill((await serving(driver, name)).pid, 'SIGKILL')
  },
}

after(async () => {
  await using driver = openDriver()
  for (const { name } of await driver.list()) await driver.stop(name, 0)
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

describe('the contract', () => replicaSuite(() => bench))

async function ended(driver: Driver, name: string) {
  return await until(async () => (await find(driver, name))?.exit, `${name} ends`)
}

/** Runs one order from its beginning to its end. */
async function withReplica(order: ReplicaOrder, run: (driver: Driver) => Promise<void>): Promise<void> {
  await using driver = openDriver()
  await driver.start(order)
  try {
    await run(driver)
  } finally {
    await driver.stop(order.name, 0)
  }
}

test('a process whose controller is killed with SIGKILL is adopted by the next, and not doubled', async () => {
  const name = 'chat-v1-adopted'
  const child = fork(join(import.meta.dirname, 'process-owner.ts'), [join(root, 'ours'), name, programs.good])
  await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await using driver = openDriver()
  const { pid } = await serving(driver, name)
  await driver.start(orderOf(name, bench.spec('good')))
  assert.equal((await serving(driver, name)).pid, pid)
  process.kill(pid, 'SIGTERM')
  const exit = await ended(driver, name)
  assert.deepEqual([exit.code, exit.signal], [0, null], 'how an adopted one ended is known')
  await driver.stop(name, 0)
})

test('children go with it, those among them that left its group too', async () => {
  const child = `require('node:child_process').spawn('setsid', [process.execPath, '-e', 'setInterval(() => {}, 1e6)']).unref()`
  const order = orderOf('chat-v1-parent', program(`${child}; ${programs.good}`))
  await using driver = openDriver()
  await driver.start(order)
  const { pid } = await serving(driver, order.name)
  const family = (): number[] => findByEnvironment(`NAME=${order.name}`)
  await until(async () => family().length >= 3, 'its children run')
  const all = family()
  assert.ok(all.includes(pid))
  await driver.stop(order.name, 5000)
  assert.deepEqual(all.filter(isAlive), [])
})

test('a command that goes into the background is ended, and told so', async () => {
  const order = orderOf('chat-v1-forked', specOf('/bin/sh', '-c', 'setsid sleep 1000 & echo started; exit 0'))
  await withReplica(order, async (driver) => {
    const exit = await ended(driver, order.name)
    assert.equal(exit.code, 0)
    assert.match(exit.lastWords, /started\nthe command ended, and .* in the background: .* run it in the foreground/)
  })
})

test('what leaves it without a trace is not started again beside itself, and is named', async (t) => {
  if (process.platform !== 'linux') return t.skip('elsewhere nobody can know')
  const server = "require('node:net').createServer().listen(process.argv[1], '127.0.0.1', () => console.log('up'))"
  const command = `env -i setsid ${process.execPath} -e "${server}" \${PORT} & while ! grep -q up "$0"; do sleep .05; done`
  const name = 'chat-v1-stray'
  const order = orderOf(name, specOf('/bin/sh', '-c', command, join(root, 'ours', `${name}.log`)))
  await withReplica(order, async (driver) => {
    assert.equal((await ended(driver, name)).code, 0)
    const refusal = await driver.start(order).catch((error: Error) => error)
    const [, pid, port] =
      /^process (\d+) listens on port (\d+), .*; end it .*, and run that in the foreground$/.exec(
        (refusal as Error).message,
      ) ?? []
    assert.ok(pid && port, String(refusal))
    process.kill(Number(pid), 'SIGKILL')
    await until(async () => !isAlive(Number(pid)), 'it is gone')
    await driver.start(order)
    const again = await ended(driver, name)
    assert.equal(again.code, 0)
    process.kill(listenerOn(Number(port))?.pid ?? 0, 'SIGKILL')
  })
})

test('a port that it must have and somebody has is an error at once; so is a folder that is not there', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await using driver = openDriver()
  const taken = { ...bench.spec('good'), port }
  await assert.rejects(driver.start(orderOf('chat-v1-taken', taken)), /port \d+ is in use; free it/)
  const lost = { ...bench.spec('good'), cwd: '/nowhere' }
  await assert.rejects(driver.start(orderOf('chat-v1-lost', lost)), /there is no folder \/nowhere/)
  await assert.rejects(driver.start(orderOf('../evil', bench.spec('good'))), /is no name/)
  const names = new Set((await driver.list()).map((each) => each.name))
  assert.ok(!names.has('chat-v1-taken') && !names.has('chat-v1-lost'))
  server.close()
})

test('the port stays with the name over a crash; port, host and name are told, and no secret is passed on', async () => {
  const script = `${programs.good}; console.log(process.argv[1], process.env.MINE, process.env.NAME, process.env.SECRET)`
  const spec = processSpecSchema.parse({
    command: [process.execPath, '-e', script, 'at ${HOST}:${PORT}'],
    env: { MINE: 'port ${PORT}' },
  })
  process.env['SECRET'] = 'hush'
  const order = orderOf('chat-v1-told', { ...spec })
  await withReplica(order, async (driver) => {
    const { url, pid } = await serving(driver, order.name)
    const { port } = new URL(url ?? '')
    assert.match(
      await driver.logs(order.name, 5),
      new RegExp(`at 127.0.0.1:${port} port ${port} chat-v1-told undefined`),
    )
    process.kill(pid, 'SIGKILL')
    assert.equal((await ended(driver, order.name)).signal, 'SIGKILL')
    await driver.start(order)
    assert.equal((await serving(driver, order.name)).url, url)
  })
  delete process.env['SECRET']
})

test('one that holds more memory than it may is killed, and that is told', async () => {
  const spec = {
    ...program(`${programs.good}; globalThis.kept = Buffer.alloc(300 << 20, 1)`),
    memoryBytesMax: 200 << 20,
  }
  const order = orderOf('chat-v1-big', spec)
  await withReplica(order, async (driver) => {
    const exit = await ended(driver, order.name)
    assert.deepEqual([exit.signal, exit.isOutOfMemory], ['SIGKILL', true])
  })
})

test('what it writes is kept to a size, and its last words are there', async () => {
  const noise = `for (let i = 0; i < 3000; i++) console.log('line', i, 'x'.repeat(100)); ${programs.good}`
  const order = orderOf('chat-v1-loud', { ...program(noise), logBytesMax: 50_000 })
  await withReplica(order, async (driver) => {
    await serving(driver, order.name)
    await driver.list()
    const said = await driver.logs(order.name, 3)
    assert.equal(said.split('\n').length, 3)
    assert.match(said, /line 2999|it listens/)
  })
})

test('limits of the system hold for it', async () => {
  const order = orderOf('chat-v1-limits', {
    ...specOf('/bin/sh', '-c', 'ulimit -n; nice; exit 7'),
    filesMax: 123,
    niceness: 5,
  })
  await withReplica(order, async (driver) => {
    const exit = await ended(driver, order.name)
    assert.equal(exit.code, 7)
    const [files, niceness] = exit.lastWords.split('\n').map(Number)
    assert.equal(files, 123)
    assert.ok((niceness ?? 0) >= 5)
    assert.equal(await asked((await find(driver, order.name))?.url ?? null), null)
  })
})

test('where nothing can be written down, as on a full disk, replicas and their ends are seen all the same', async () => {
  const noise = `for (let i = 0; i < 900; i++) console.log('x'.repeat(100)); ${programs.good}`
  const order = orderOf('chat-v1-full', { ...program(noise), logBytesMax: 50_000 })
  const fileOf = (ending: string): string => join(root, 'ours', `${order.name}.${ending}`)
  await withReplica(order, async (driver) => {
    // Folders are in the way.
    mkdirSync(fileOf('log.1'))
    mkdirSync(fileOf('json.new'))
    const { pid } = await serving(driver, order.name)
    process.kill(pid, 'SIGKILL')
    assert.equal((await ended(driver, order.name)).signal, 'SIGKILL')
    rmSync(fileOf('json.new'), { recursive: true })
  })
})

test('one whose file is lost is ended before another of its name is started', async () => {
  const order = orderOf('chat-v1-lost', program(programs.good))
  await withReplica(order, async (driver) => {
    const { pid } = await serving(driver, order.name)
    rmSync(join(root, 'ours', `${order.name}.json`))
    await driver.start(order)
    assert.notEqual((await serving(driver, order.name)).pid, pid)
    assert.equal(isAlive(pid), false)
  })
})
