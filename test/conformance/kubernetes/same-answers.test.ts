// The played API server answers as the real one does: one script of questions, asked of both.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { deploymentOf, serviceOf } from '../../../src/fleet/driver/kubernetes-objects.ts'
import { kubernetesSpecSchema } from '../../../src/fleet/driver/kubernetes-options.ts'
import { type KubeClient, openKubeClient } from './kube-client.ts'
import { openPlayedCluster } from './played-cluster.ts'
import { openRealCluster } from './real-cluster.ts'

const file = join(import.meta.dirname, 'real-answers.json')
const spec = kubernetesSpecSchema.parse({ image: 'engine:v1' })
const order = { name: 'same-v1-1', deployment: 'same', release: 'v1', spec }
const deployment = deploymentOf(order, spec, 'compared') as { metadata: object }
const service = serviceOf(order, spec, 'compared')
const apps = '/apis/apps/v1/namespaces/default'
const core = '/api/v1/namespaces/default'
const ours = 'labelSelector=holdfast.dev/site=compared'

type Step = readonly [what: string, method: string, path: string, body?: object]
const script: readonly Step[] = [
  ['create', 'POST', `${apps}/deployments`, deployment],
  ['create again', 'POST', `${apps}/deployments`, deployment],
  [
    'no name of Kubernetes',
    'POST',
    `${apps}/deployments`,
    { ...deployment, metadata: { ...deployment.metadata, name: 'A_B' } },
  ],
  ['list', 'GET', `${apps}/deployments?${ours}`],
  ['list of none', 'GET', `${apps}/deployments?labelSelector=holdfast.dev/site=nobody`],
  ['scale', 'PATCH', `${apps}/deployments/compared-same-v1-1/scale`, { spec: { replicas: 0 } }],
  ['scale what is not there', 'PATCH', `${apps}/deployments/none/scale`, { spec: { replicas: 0 } }],
  ['delete another of that name', 'DELETE', `${apps}/deployments/compared-same-v1-1`, { preconditions: { uid: 'x' } }],
  ['delete', 'DELETE', `${apps}/deployments/compared-same-v1-1`, { propagationPolicy: 'Background' }],
  ['delete again', 'DELETE', `${apps}/deployments/compared-same-v1-1`],
  ['create a service', 'POST', `${core}/services`, service],
  ['create it again', 'POST', `${core}/services`, service],
  ['delete a service', 'DELETE', `${core}/services/compared-same`],
  ['delete it again', 'DELETE', `${core}/services/compared-same`],
  ['delete a pod that is not there', 'DELETE', `${core}/pods/none?gracePeriodSeconds=1`],
]

interface Said {
  readonly status: number
  readonly kind?: string
  readonly reason?: string
  readonly items?: number
  readonly replicas?: number
}

interface Answer {
  readonly kind?: string
  readonly reason?: string
  readonly items?: readonly unknown[]
  readonly spec?: { readonly replicas?: number }
}

/** As much of an answer as the driver goes by. */
function digest({ status, body }: { status: number; body: unknown }): Said {
  const { kind, reason, items, spec: inner } = body as Answer
  return {
    status,
    ...(kind ? { kind } : {}),
    ...(reason ? { reason } : {}),
    ...(items ? { items: items.length } : {}),
    ...(kind === 'Deployment' || kind === 'Scale' ? { replicas: inner?.replicas ?? 0 } : {}),
  }
}

async function play(client: KubeClient): Promise<Record<string, Said>> {
  const said: Record<string, Said> = {}
  for (const [what, method, path, body] of script) said[what] = digest(await client.ask(method, path, body))
  const stranger = openKubeClient(client.url, 'wrong')
  said['a wrong token'] = digest(await stranger.ask('GET', `${core}/pods`))
  return said
}

test('the played API server answers as was recorded from a real one', async () => {
  await using cluster = await openPlayedCluster()
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Said>
  assert.deepEqual(await play(openKubeClient(cluster.url, cluster.token)), recorded)
})

test('what was recorded is what a real one answers', { timeout: 200_000 }, async (t) => {
  const cluster = await openRealCluster().catch((error: Error) => error)
  if (cluster instanceof Error) return t.skip(`no control plane here: ${cluster.message}`)
  await using _cluster = cluster
  const said = await play(openKubeClient(cluster.url, cluster.token)).catch((error: Error) => error)
  if (said instanceof Error || cluster.isBroken?.()) return t.skip(cluster.isBroken?.() ?? (said as Error).message)
  if (process.env['HOLDFAST_RECORD'] === '1') writeFileSync(file, `${JSON.stringify(said, null, 2)}\n`)
  assert.deepEqual(said, JSON.parse(readFileSync(file, 'utf8')))
})
