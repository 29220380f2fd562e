// The kubernetes driver at a played API server, and what only that can do: drop watches, forget versions, fail.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DriverFault } from '../../../src/fleet/driver-fault.ts'
import type { Driver } from '../../../src/fleet/driver.ts'
import { asked, find, orderOf, replicaSuite, serving, until } from '../replica-suite.ts'
import { checkSlices } from './cluster-checks.ts'
import { type KubernetesBench, openKubernetesBench } from './kubernetes-bench.ts'
import { openPlayedCluster, type PlayedCluster } from './played-cluster.ts'

let cluster: PlayedCluster
let bench: KubernetesBench

before(async () => {
  cluster = await openPlayedCluster()
  bench = await openKubernetesBench(cluster)
  cluster.onLog = (pod) => bench.kubelet.words(pod)
})
after(async () => await bench[Symbol.asyncDispose]())

describe('the contract, at a played cluster', () => replicaSuite(() => bench))

async function faultOf(work: Promise<unknown>): Promise<DriverFault> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof DriverFault, `a DriverFault, not ${String(error)}`)
  return error
}

/** Starts a replica, kills it, and waits until that is told. */
async function isTold(driver: Driver, name: string, changes: () => number): Promise<void> {
  await driver.start(orderOf(name, bench.spec('good')))
  await serving(driver, name)
  const before = changes()
  await bench.crash(name)
  await until(async () => changes() > before, 'the crash is told')
}

test('a watch that is dropped, or told that its version is too old, is begun anew', { timeout: 60_000 }, async () => {
  await using driver = await bench.openDriver()
  let changes = 0
  using _watch = driver.watch(() => changes++)
  await isTold(driver, 'watch-v1-1', () => changes)
  cluster.dropWatches()
  await until(async () => cluster.countWatches() > 0, 'it watches again')
  await isTold(driver, 'watch-v1-1', () => changes)
  cluster.compact()
  cluster.dropWatches()
  await until(async () => cluster.countWatches() > 0, 'it watches again, from a version that is known')
  await isTold(driver, 'watch-v1-1', () => changes)
  await driver.stop('watch-v1-1', 1000)
})

test('a server that fails, refuses or knows us not is an error with a cure', async () => {
  await using driver = await bench.openDriver()
  cluster.failWith(500)
  assert.equal((await faultOf(driver.list())).kind, 'away')
  cluster.failWith(403)
  const fault = await faultOf(driver.start(orderOf('fail-v1-1', bench.spec('good'))))
  assert.equal(fault.kind, 'refused')
  assert.match(
    fault.message,
    /\(403\): etcd is away; give its service account the Role of deploy\/kubernetes\/rbac\.yaml/,
  )
  cluster.failWith(null)
  assert.equal(await find(driver, 'fail-v1-1'), undefined)
})

test('an image that cannot be had is told, and tried anew when it is ordered again', async () => {
  await using driver = await bench.openDriver()
  const order = orderOf('pull-v1-1', bench.specWith({ image: 'nowhere/engine:v9' }))
  await driver.start(order)
  const exit = await until(async () => (await find(driver, 'pull-v1-1'))?.exit, 'it is told')
  assert.match(exit.lastWords, /ImagePullBackOff: .*nowhere\/engine:v9/)
  const pods = async (): Promise<string> =>
    JSON.stringify((await bench.client.ask('GET', '/api/v1/namespaces/default/pods')).body)
  const [first = ''] = /pull-v1-1-\w+-\w+/.exec(await pods()) ?? []
  await driver.start(order)
  await until(async () => !(await pods()).includes(first), 'its pod is another')
  await driver.stop('pull-v1-1', 0)
  assert.equal(await find(driver, 'pull-v1-1'), undefined)
})

test('a name that is no name of Kubernetes serves all the same', { timeout: 60_000 }, async () => {
  await using driver = await bench.openDriver()
  const name = 'Llama_3.3-70B-Instruct-with-a-name-as-long-as-they-come-in-the-wild-v1.0-12'
  await driver.start({ ...orderOf(name, bench.spec('good')), deployment: 'Llama_3.3', release: 'v1.0+a' })
  const seen = await serving(driver, name)
  assert.equal(seen.deployment, 'Llama_3.3')
  assert.equal(seen.release, 'v1.0+a')
  await driver.stop(name, 1000)
  assert.deepEqual(await driver.list(), [])
})

test('nothing of a deployment is left when its last replica is stopped', { timeout: 60_000 }, async () => {
  await using driver = await bench.openDriver()
  const services = async (): Promise<number> =>
    (
      (await bench.client.ask('GET', '/api/v1/namespaces/default/services?labelSelector=holdfast.dev/site=test'))
        .body as { items: [] }
    ).items.length
  await driver.start(orderOf('last-v1-1', bench.spec('good')))
  await driver.start(orderOf('last-v1-2', bench.spec('good')))
  assert.equal(await services(), 1)
  await driver.stop('last-v1-1', 1000)
  assert.equal(await services(), 1)
  const { url } = await serving(driver, 'last-v1-2')
  await driver.stop('last-v1-2', 1000)
  assert.equal(await services(), 0)
  assert.equal(await asked(url), null)
})

test('a server that is not there, and a kubeconfig that is none, are errors with a cure', async () => {
  const other = await openPlayedCluster()
  const lost = await openKubernetesBench(other)
  await using driver = await lost.openDriver()
  await lost[Symbol.asyncDispose]()
  const fault = await faultOf(driver.list())
  assert.equal(fault.kind, 'away')
  assert.match(fault.message, /cannot be asked to list \w+ \(.*ECONNREFUSED.*\); see that it runs/)
})

test('endpoint slices say where a replica is', async () => await checkSlices(bench))
