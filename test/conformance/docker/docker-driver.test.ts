// The docker driver at a real Docker engine.
import { after, before, describe } from 'node:test'
import { replicaSuite } from '../replica-suite.ts'
import { type DockerBench, openDockerBench } from './docker-bench.ts'

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

describe('the contract', () => replicaSuite(() => bench))
