// The kubernetes driver at a real control plane; the test plays the node.
import { after, before, describe, test } from 'node:test'
import { replicaSuite } from '../replica-suite.ts'
import { checkRights, checkSlices } from './cluster-checks.ts'
import { type KubernetesBench, openKubernetesBench } from './kubernetes-bench.ts'
import { openRealCluster } from './real-cluster.ts'

let bench: KubernetesBench | string = 'the cluster was not opened'

before(
  async () => {
    bench = await openRealCluster().then(
      openKubernetesBench,
      (error: Error) => `no control plane here: ${error.message}`,
    )
  },
  { timeout: 200_000 },
)
after(async () => {
  if (typeof bench !== 'string') await bench[Symbol.asyncDispose]()
})

describe('the contract, at a real control plane', () => replicaSuite(() => bench))

function on(name: string, run: (bench: KubernetesBench) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async (t) => {
    if (typeof bench === 'string') return t.skip(bench)
    const { isBroken } = bench
    await run(bench).catch((error: unknown) => {
      const how = isBroken?.()
      if (!how) throw error
      t.skip(how)
    })
  })
}

on('endpoint slices say where a replica is', checkSlices)
on('the Role of deploy/kubernetes is enough for a service account', checkRights)
