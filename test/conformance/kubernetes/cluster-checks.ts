/** What is asked of a cluster beyond the contract of drivers, real or played: slices, and rights. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { KubernetesApi } from '../../../src/fleet/driver/kubernetes-api.ts'
import { KubernetesDriver } from '../../../src/fleet/driver/kubernetes-driver.ts'
import { endpointsOf } from '../../../src/fleet/driver/kubernetes-replica.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { find, orderOf, until } from '../replica-suite.ts'
import { type KubernetesBench, writeKubeconfig } from './kubernetes-bench.ts'

/** The address that the cluster's own slices have is the one that is asked. */
export async function checkSlices(bench: KubernetesBench): Promise<void> {
  await using driver = await bench.openDriver()
  await driver.start(orderOf('slice-v1-1', bench.specWith({ env: { POD_IP: '10.77.0.9' } })))
  const api = await KubernetesApi.open({ kubeconfig: bench.kubeconfig, namespace: 'default' }, systemClock)
  const endpoints = await until(async () => {
    const found = endpointsOf(await api.endpointSlices('kubernetes.io/service-name in (test-chat)'))
    return found.size > 0 && found
  }, 'the cluster has a slice')
  assert.deepEqual([...endpoints.values()], [{ address: '10.77.0.9', isTerminating: false }])
  assert.equal((await find(driver, 'slice-v1-1'))?.url, 'http://10.77.0.9:8000')
  await driver.stop('slice-v1-1', 1000)
}

/** With the rights of the manifest in deploy/ and no others, all that the driver does is allowed. */
export async function checkRights(bench: KubernetesBench): Promise<void> {
  const { client } = bench
  const manifest = readFileSync(join(import.meta.dirname, '../../../deploy/kubernetes/rbac.yaml'), 'utf8')
  for (const document of parseAllDocuments(manifest)) {
    const thing = document.toJS() as { kind: string; subjects?: { namespace?: string }[] }
    // `kubectl apply -n` does so.
    for (const subject of thing.subjects ?? []) subject.namespace = 'default'
    const group = thing.kind === 'ServiceAccount' ? '/api/v1' : '/apis/rbac.authorization.k8s.io/v1'
    const { status, body } = await client.ask('POST', `${group}/namespaces/default/${thing.kind.toLowerCase()}s`, thing)
    assert.equal(status, 201, JSON.stringify(body))
  }
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
  const { body } = await client.ask('POST', '/api/v1/namespaces/default/serviceaccounts/holdfast/token', asked)
  const { token } = (body as { status: { token: string } }).status
  const config = writeKubeconfig(client.url, token)
  try {
    const api = await KubernetesApi.open({ kubeconfig: config.path, namespace: 'default' }, systemClock)
    await using driver = new KubernetesDriver({ clock: systemClock, api, site: 'rights' })
    let changes = 0
    using _watch = driver.watch(() => changes++)
    await driver.start(orderOf('rights-v1-1', bench.spec('good')))
    await until(async () => (await find(driver, 'rights-v1-1'))?.phase === 'running', 'it runs')
    await until(async () => changes > 0, 'the watch tells')
    await driver.stop('rights-v1-1', 1000)
    assert.deepEqual(await driver.list(), [])
    const { status } = await client.ask('GET', '/api/v1/namespaces/default/services/rights-chat')
    assert.equal(status, 404)
    // And it may no more than that.
    const other = await KubernetesApi.open({ kubeconfig: config.path, namespace: 'kube-system' }, systemClock)
    await assert.rejects(
      other.pods('a=b'),
      /\(403\).*give its service account the Role of deploy\/kubernetes\/rbac\.yaml/,
    )
  } finally {
    config.remove()
  }
}
