/** The public page of a gateway that runs as its users run it: that stands still, that is killed, that comes again. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePort, type Gateway, startGateway } from '../crash/gateway.ts'
import { eventually } from '../http/chat-app.ts'

let folder: string
let flags: string[]
let url: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-page-process-'))
  const port = await freePort()
  url = `http://127.0.0.1:${port}/`
  const config = join(folder, 'holdfast.yaml')
  const listeners = [{ host: '127.0.0.1', port: 0 }]
  await writeFile(
    config,
    JSON.stringify({
      ...{ workers: 1, stateDir: join(folder, 'state'), listeners, admin: { port: 0 }, log: { level: 'error' } },
      upstreams: { gone: { url: 'http://127.0.0.1:9/v1' } },
      status: { name: 'Page of a test', page: { port } },
    }),
  )
  flags = ['--config', config, '--state', join(folder, 'state')]
})
after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))

const text = (): Promise<string> =>
  fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    (answer) => answer.text(),
    () => '',
  )
const isThere = async (): Promise<boolean> => (await text()).includes('Page of a test')
const childrenOf = async (pid: number): Promise<string> =>
  readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('the page outlives its gateway, and the next gateway takes it over', async () => {
  let first: Gateway | null = await startGateway(...flags)
  try {
    await eventually('the page', isThere)
    const children = await childrenOf(first.pid)
    assert.ok(children === '' || children.trim().split(' ').length === 2, 'a worker and the page')

    process.kill(first.pid, 'SIGSTOP')
    for (let turn = 0; turn < 20; turn++) assert.ok(await isThere(), 'while the gateway stands still')
    process.kill(first.pid, 'SIGCONT')
    assert.ok(await isThere())

    process.kill(first.pid, 'SIGSTOP')
    await first.end('SIGKILL')
    first = null
    for (let turn = 0; turn < 20; turn++) assert.ok(await isThere(), 'after the gateway was killed')

    await using second = await startGateway(...flags)
    const before = JSON.parse(await readFile(join(folder, 'state/status/snapshot.json'), 'utf8')) as { ofMs: number }
    // It is the successor's page that shows what came later.
    await eventually('a page of the second gateway', async () => {
      const of = /data-of="([^"]+)"/.exec(await text())?.[1] ?? ''
      return Date.parse(of) >= Math.floor(before.ofMs / 1000) * 1000
    })
    assert.equal(await second.end('SIGTERM'), 0)
    await eventually('no page of a gateway that was told to stop', async () => !(await isThere()))
  } finally {
    await first?.end('SIGKILL')
  }
})

for (const signals of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGKILL'],
] as const)
  test(`a gateway that is stopped in a hurry leaves no page behind: ${signals.join(', ')}`, async () => {
    await using gateway = await startGateway(...flags)
    await eventually('the page', isThere)
    const { workers } = (await (await fetch(`${gateway.adminUrl}/livez`)).json()) as { workers: { pid: number }[] }
    const page = (await childrenOf(gateway.pid))
      .trim()
      .split(' ')
      .map(Number)
      .find((pid) => workers.every((worker) => worker.pid !== pid))
    for (const { pid } of workers) process.kill(pid, 'SIGSTOP') // so that it takes its time
    process.kill(gateway.pid, signals[0])
    // As a terminal does it: to all that it has started.
    if (signals[0] === 'SIGINT' && page) process.kill(page, 'SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.ok(await isThere(), 'while it finishes')
    await gateway.end(signals[1])
    await eventually('no page', async () => !(await isThere()))
    for (const { pid } of workers) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })

test('without a gateway and its folder the page ends', async () => {
  const port = await freePort()
  const page = `http://127.0.0.1:${port}/`
  const config = join(folder, 'gone.yaml')
  const listeners = [{ host: '127.0.0.1', port: 0 }]
  const upstreams = { gone: { url: 'http://127.0.0.1:9/v1' } }
  await writeFile(config, JSON.stringify({ listeners, admin: { port: 0 }, upstreams, status: { page: { port } } }))
  const isServed = (): Promise<boolean> =>
    fetch(page).then(
      ({ ok }) => ok,
      () => false,
    )
  {
    await using _ = await startGateway('--config', config, '--log-level', 'error')
    await eventually('the page', isServed)
  } // killed, and its folder removed
  await eventually('no page', async () => !(await isServed()))
})
