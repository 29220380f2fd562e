/** A cluster, real or played, with a node on which this Node runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/ground/clock.ts'
import { driversSchema } from '../../../src/fleet/driver/drivers-options.ts'
import { openFarDriver } from '../../../src/fleet/driver/open-far-driver.ts'
import type { Driver, Spec } from '../../../src/fleet/driver.ts'
import { programs } from '../replica-program.ts'
import type { ReplicaBench } from '../replica-suite.ts'
import { type KubeClient, openKubeClient } from './kube-client.ts'
import { Kubelet } from './kubelet.ts'
import type { Cluster } from './real-cluster.ts'

export interface KubernetesBench extends ReplicaBench, AsyncDisposable {
  readonly client: KubeClient
  readonly kubelet: Kubelet
  readonly kubeconfig: string
  specWith(changes: Spec): Spec
  openDriver(site?: string): Promise<Driver>
}

export async function openKubernetesBench(cluster: Cluster): Promise<KubernetesBench> {
  const client = openKubeClient(cluster.url, cluster.token)
  const kubelet = new Kubelet(client)
  const specWith = (changes: Spec): Spec => ({
    image: 'engine:v1',
    command: [process.execPath, '-e', programs.good],
    ...changes,
  })
  return {
    client,
    kubelet,
    kubeconfig: cluster.kubeconfig,
    hasLogs: cluster.hasLogs,
    isBroken: () => cluster.isBroken?.() ?? null,
    specWith,
    spec: (program) => specWith({ command: [process.execPath, '-e', programs[program]] }),
    absentSpec: specWith({ command: ['/no-such-program'] }),
    crash: async (name) => {
      const { items } = (
        await client.ask('GET', `/api/v1/namespaces/default/pods?labelSelector=holdfast.dev/replica=${name}`)
      ).body as { items: { metadata: { name: string } }[] }
      kubelet.kill(items[0]?.metadata.name ?? '')
    },
    openDriver: async (site = 'test') => {
      const { kubeconfig } = cluster
      const settings = driversSchema.parse({ kubernetes: { kubeconfig, namespace: 'default' } })
      return await openFarDriver('kubernetes', settings, { clock: systemClock, site, environment: {} })
    },
    [Symbol.asyncDispose]: async () => {
      await kubelet[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

/** A kubeconfig for a server that is no real cluster. */
export function writeKubeconfig(url: string, token: string): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'hf-kube-'))
  const path = join(folder, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  }
  writeFileSync(path, JSON.stringify(config))
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
