// What goes wrong with containers, at a real Docker engine: memory, pauses, ports, names, images, the engine itself.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { DriverFault } from '../../../src/fleet/driver-fault.ts'
import type { Driver } from '../../../src/fleet/driver.ts'
import { asked, find, orderOf, serving, until } from '../replica-suite.ts'
import { type DockerBench, importImage, openDockerBench } from './docker-bench.ts'

let bench: DockerBench | string = 'the engine was not opened'

before(
  async () => {
    bench = await openDockerBench().catch((error: Error) => `no Docker engine here: ${error.message}`)
  },
  { timeout: 180_000 },
)
after(async () => {
  if (typeof bench !== 'string') await bench[Symbol.asyncDispose]()
})

function on(name: string, run: (bench: DockerBench, driver: Driver, t: TestContext) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async (t) => {
    if (typeof bench === 'string') return t.skip(bench)
    await using driver = await bench.openDriver()
    await run(bench, driver, t)
  })
}

async function faultOf(work: Promise<unknown>): Promise<DriverFault> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof DriverFault, `a DriverFault, not ${String(error)}`)
  return error
}

on('one that takes more memory than it may is told from one that was killed', async (world, driver) => {
  await driver.start(orderOf('mem-v1-1', world.specWith({ memory: '192MiB' })))
  const { url } = await serving(driver, 'mem-v1-1')
  assert.ok(((await find(driver, 'mem-v1-1'))?.memoryBytes ?? 0) > 5_000_000)
  await asked(url, '/eat')
  const exit = await until(async () => (await find(driver, 'mem-v1-1'))?.exit, 'it is killed')
  assert.equal(exit.isOutOfMemory, true)
  assert.equal(exit.signal, 'SIGKILL')
  await driver.stop('mem-v1-1', 0)
})

on('one that is paused runs, answers nobody, and can be stopped all the same', async (world, driver) => {
  await driver.start(orderOf('hang-v1-1', world.spec('good')))
  const { url } = await serving(driver, 'hang-v1-1')
  await world.engine.ask('POST', `/containers/${await world.idOf('hang-v1-1')}/pause`)
  const seen = await find(driver, 'hang-v1-1')
  assert.equal(seen?.phase, 'running')
  assert.equal(await asked(url), null)
  await driver.stop('hang-v1-1', 2000)
  assert.equal(await find(driver, 'hang-v1-1'), undefined)
})

on('a replica keeps its port when it is started again', async (world, driver) => {
  const order = orderOf('port-v1-1', world.spec('good'))
  await driver.start(order)
  const { url } = await serving(driver, 'port-v1-1')
  await world.crash('port-v1-1')
  await until(async () => (await find(driver, 'port-v1-1'))?.exit, 'it is dead')
  await driver.start(order)
  assert.equal((await serving(driver, 'port-v1-1')).url, url)
  await driver.stop('port-v1-1', 1000)
})

on('in a network of its own it is reached at a published port, or at its own address', async (world, driver) => {
  const network = JSON.stringify({
    Name: 'hf-test',
    IPAM: { Config: [{ Subnet: '10.231.7.0/24' }] },
    Options: { 'com.docker.network.bridge.name': 'hfbr0' },
  })
  const { status, text } = await world.engine.ask('POST', '/networks/create', network)
  assert.equal(status, 201, text)
  await driver.start(orderOf('net-v1-1', world.specWith({ network: 'hf-test', env: { WHO: 'published' } })))
  await driver.start(
    orderOf('net-v1-2', world.specWith({ network: 'hf-test', reach: 'network', env: { WHO: 'inside' } })),
  )
  const published = await serving(driver, 'net-v1-1')
  const inside = await serving(driver, 'net-v1-2')
  assert.match(published.url ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(inside.url ?? '', /^http:\/\/10\.231\.7\.\d+:8000$/)
  assert.equal((await asked(published.url))?.who, 'published')
  assert.equal((await asked(inside.url))?.who, 'inside')
  await Promise.all([driver.stop('net-v1-1', 1000), driver.stop('net-v1-2', 1000)])
})

on('a name that belongs to somebody else is not taken from him', async (world, driver) => {
  const made = await world.engine.ask(
    'POST',
    '/containers/create?name=test-own-v1-1',
    JSON.stringify({ Image: 'holdfast-test:empty', Cmd: ['/x'] }),
  )
  assert.equal(made.status, 201, made.text)
  const fault = await faultOf(driver.start(orderOf('own-v1-1', world.spec('good'))))
  assert.equal(fault.kind, 'taken')
  assert.match(fault.message, /test-own-v1-1 belongs to a container that is not ours; remove or rename/)
  await driver.stop('own-v1-1', 0)
  assert.equal((await world.engine.ask('GET', '/containers/test-own-v1-1/json')).status, 200)
})

on(
  'an image that cannot be fetched is told as the end of the replica, and where it may not be, at once',
  async (world) => {
    const progress: string[] = []
    await using driver = await world.openDriver('test', (_, line) => progress.push(line))
    const image = '127.0.0.1:9/nowhere/small:v9'
    await driver.start(orderOf('pull-v1-1', world.specWith({ image })))
    const exit = await until(async () => (await find(driver, 'pull-v1-1'))?.exit, 'the failure is told')
    assert.match(exit.lastWords, /127\.0\.0\.1:9\/nowhere\/small:v9 cannot be fetched: .*see its name/)
    await driver.stop('pull-v1-1', 0)
    assert.equal(await find(driver, 'pull-v1-1'), undefined)
    const fault = await faultOf(driver.start(orderOf('pull-v1-2', world.specWith({ image, pull: 'never' }))))
    assert.match(fault.message, /is not there and may not be fetched; fetch it, or set `pull: missing`/)
  },
)

on('a GPU that is not there is an error of the engine, and leaves no container behind', async (world, driver) => {
  const fault = await faultOf(driver.start(orderOf('gpu-v1-1', world.specWith({ gpus: 1 }))))
  assert.match(fault.message, /could not select device driver|gpu/i)
  assert.equal(await find(driver, 'gpu-v1-1'), undefined)
})

on('the real engine with the real small model runs in a container and answers', async (world, driver, t) => {
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
  const model = 'tiny-r2-s1-n4-c4096.gguf'
  if (!['llama-server', model].every((file) => existsSync(join(folder, file))))
    return t.skip('the engine is not here; `holdfast lab model` fetches it')
  // The image: the engine's folder, the model, and the shell that starts it.
  const tar = execFileSync(
    'tar',
    ['-C', folder, '-c', '--transform', 's,^llama-server/root,engine,', 'llama-server', model],
    { maxBuffer: 2 ** 28 },
  )
  await importImage(world.engine, 'holdfast-test:llama', tar)
  const loader = '/engine/usr/lib/x86_64-linux-gnu'
  const spec = {
    image: 'holdfast-test:llama',
    network: 'host',
    command: [
      `${loader}/ld-linux-x86-64.so.2`,
      '--library-path',
      `${loader}:/engine/usr/lib64:${loader}/llama`,
      '/engine/usr/bin/llama-server',
      ...['-m', `/${model}`, '--host', '${HOST}', '--port', '${PORT}', '-c', '2048', '-t', '1'],
    ],
    ulimits: { nofile: 1024 },
  }
  await driver.start(orderOf('llama-v1-1', spec))
  const url = await until(async () => {
    const replica = await find(driver, 'llama-v1-1')
    assert.equal(replica?.exit ?? null, null)
    const answer = await fetch(`${replica?.url}/health`).catch(() => null)
    return answer?.ok && replica?.url
  }, 'it is healthy')
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'the sea' }], max_tokens: 8 })
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] }
  assert.ok((choices[0]?.message.content.length ?? 0) > 0)
  await driver.stop('llama-v1-1', 1000)
  assert.equal(await asked(url), null)
})

on('an engine that goes away is an error with a cure, and its return is told', async (world, driver) => {
  let changes = 0
  using _watch = driver.watch(() => changes++)
  await driver.list()
  await world.engine.kill()
  const fault = await faultOf(driver.list())
  assert.equal(fault.kind, 'away')
  assert.match(
    fault.message,
    /cannot be reached \((ENOENT|ECONNREFUSED|ECONNRESET)\); (start the engine|see that the engine runs)/,
  )
  assert.equal((await faultOf(driver.start(orderOf('away-v1-1', world.spec('good'))))).kind, 'away')
  assert.equal((await faultOf(driver.stop('away-v1-1', 0))).kind, 'away')
  changes = 0
  await world.engine.restart()
  await until(async () => changes > 0, 'a look is asked for')
  await driver.start(orderOf('away-v1-1', world.spec('good')))
  changes = 0
  await serving(driver, 'away-v1-1')
  await driver.stop('away-v1-1', 1000)
  await until(async () => changes > 0, 'events come again')
})
