// The kubernetes driver at a real control plane; the test plays the node.
import { after, before, describe } from 'node:test'
import { replicaSuite } from '../replica-suite.ts'
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
