// The docker driver at engines that lie or answer nonsense; the real one is asked in test/conformance/docker.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import { containerOf, labels, memoryOf } from './docker-container.ts'
import { DockerDriver } from './docker-driver.ts'
import { DockerEngine } from './docker-engine.ts'
import { nameAndTag } from './docker-images.ts'
import { dockerSpecSchema } from './docker-options.ts'
import { dockerAddress } from './open-far-driver.ts'

async function openAgainst(answer: RequestListener): Promise<{ driver: DockerDriver } & AsyncDisposable> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  const engine = await DockerEngine.open({ host, certs: null })
  const driver = new DockerDriver({ clock: systemClock, engine, site: 'test' })
  return {
    driver,
    [Symbol.asyncDispose]: async () => {
      await driver[Symbol.asyncDispose]()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const listed = { Id: 'abc', State: 'running', Created: 1, Labels: { [labels.name]: 'chat-v1-1' } }

test('a container that is listed and gone is no replica', async () => {
  await using bench = await openAgainst((request, response) => {
    const isList = request.url?.startsWith('/v1.41/containers/json')
    response.writeHead(isList ? 200 : 404).end(isList ? JSON.stringify([listed]) : '{"message":"No such container"}')
  })
  assert.deepEqual(await bench.driver.list(), [])
})

for (const { what, status, text, kind, says } of [
  {
    what: 'no JSON',
    status: 200,
    text: '<html>login</html>',
    kind: 'refused',
    says: /is no JSON; see that it is a Docker engine/,
  },
  {
    what: 'a failure of its own',
    status: 500,
    text: '{"message":"disk full"}',
    kind: 'refused',
    says: /\(500\): disk full/,
  },
  { what: 'no', status: 403, text: '{"message":"not you"}', kind: 'refused', says: /\(403\): not you/ },
] as const)
  test(`an engine that answers with ${what} is an error that says so`, async () => {
    await using bench = await openAgainst((_, response) => response.writeHead(status).end(text))
    await assert.rejects(bench.driver.list(), (error) => {
      assert.ok(error instanceof DriverFault)
      assert.equal(error.kind, kind)
      assert.match(error.message, says)
      return true
    })
  })

test('an engine that breaks off in the middle of an answer is an error', async () => {
  await using bench = await openAgainst((_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('[{"Id":')
    response.socket?.destroySoon()
  })
  await assert.rejects(bench.driver.list(), DriverFault)
})

test('a release becomes what Docker is asked for', () => {
  const spec = dockerSpecSchema.parse({
    image: 'vllm/vllm-openai:v0.9',
    args: ['--host', '${HOST}', '--port', '${PORT}', '--home', '${HOME}'],
    gpus: ['GPU-1', 'GPU-2'],
    memory: '2GiB',
    cpus: 1.5,
    shm: 1024,
    volumes: ['models:/models:ro'],
    env: { HF_HOME: '/models' },
  })
  const order = { name: 'chat-v1-1', deployment: 'chat', release: 'v1', spec }
  const made = containerOf(order, spec, 'north', 41_000) as Record<string, unknown>
  assert.deepEqual(made['Cmd'], ['--host', '0.0.0.0', '--port', '8000', '--home', '${HOME}'])
  assert.equal('Entrypoint' in made, false)
  assert.deepEqual(made['Env'], ['HOST=0.0.0.0', 'PORT=8000', 'NAME=chat-v1-1', 'HF_HOME=/models'])
  const host = made['HostConfig'] as Record<string, unknown>
  assert.deepEqual(host['PortBindings'], { '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: '41000' }] })
  assert.deepEqual(host['DeviceRequests'], [
    { Driver: 'nvidia', Capabilities: [['gpu']], DeviceIDs: ['GPU-1', 'GPU-2'] },
  ])
  assert.equal(host['Memory'], 2 ** 31)
  assert.equal(host['MemorySwap'], 2 ** 31)
  assert.equal(host['NanoCpus'], 1_500_000_000)
  assert.equal(host['ShmSize'], 1024)
})

test('what a release must not say', () => {
  for (const wrong of [
    {},
    { image: '' },
    { image: 'x', memory: 'much' },
    { image: 'x', volumes: ['models'] },
    { image: 'x', tpus: 1 },
  ])
    assert.equal(dockerSpecSchema.safeParse(wrong).success, false, JSON.stringify(wrong))
})

test('a release that cannot be run is an error that names the field', async () => {
  await using bench = await openAgainst((_, response) => response.end('[]'))
  const order = { name: 'chat-v1-1', deployment: 'chat', release: 'v1', spec: { image: 'x', port: 0 } }
  await assert.rejects(bench.driver.start(order), /release v1 cannot be run \(port: .*\); mend the release/)
})

test('where the engine is, says the configuration before the environment', () => {
  const environment = { DOCKER_HOST: 'tcp://gpu1:2375' }
  assert.deepEqual(dockerAddress({}, {}), { host: null, certs: null })
  assert.deepEqual(dockerAddress({}, environment), { host: 'tcp://gpu1:2375', certs: null })
  assert.equal(dockerAddress({ host: 'unix:///run/podman.sock' }, environment).host, 'unix:///run/podman.sock')
  assert.throws(
    () => dockerAddress({ certs: '/nowhere' }, environment),
    /\/nowhere\/ca\.pem cannot be read; put ca\.pem/,
  )
})

test('names of images', () => {
  assert.deepEqual(nameAndTag('a/b'), { name: 'a/b', tag: 'latest' })
  assert.deepEqual(nameAndTag('host:5000/a/b'), { name: 'host:5000/a/b', tag: 'latest' })
  assert.deepEqual(nameAndTag('host:5000/a/b:v2'), { name: 'host:5000/a/b', tag: 'v2' })
  assert.deepEqual(nameAndTag('a@sha256:00'), { name: 'a@sha256:00', tag: '' })
})

test('memory is counted without what the file cache holds', () => {
  assert.equal(memoryOf({ memory_stats: { usage: 100, stats: { total_inactive_file: 30 } } }), 70)
  assert.equal(memoryOf({ memory_stats: {} }), null)
  assert.equal(memoryOf(null), null)
})
