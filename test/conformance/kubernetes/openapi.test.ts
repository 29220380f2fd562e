// Our questions against what a real API server says that it takes; recorded from one, and compared with it where it is.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { deploymentOf, serviceOf } from '../../../src/fleet/driver/kubernetes-objects.ts'
import { kubernetesSpecSchema } from '../../../src/fleet/driver/kubernetes-options.ts'
import { type OpenApi, strays } from './openapi.ts'
import { questions, roots } from './questions.ts'

const file = join(import.meta.dirname, 'openapi-excerpt.json')
const ref = (name: string): { $ref: string } => ({ $ref: `#/definitions/${name}` })
const api = JSON.parse(readFileSync(file, 'utf8')) as OpenApi
const order = { name: 'chat-v1-1', deployment: 'chat', release: 'v1' }
const full = kubernetesSpecSchema.parse({
  image: 'vllm/vllm-openai:v0.9',
  command: ['vllm', 'serve', '--port', '${PORT}'],
  args: ['--host', '${HOST}'],
  env: { HF_HOME: '/models' },
  gpus: 2,
  memory: '64GiB',
  cpus: 7.5,
  shm: '8GiB',
  requests: { memory: '32Gi' },
  volumes: [{ claim: 'weights', path: '/models' }],
  nodeSelector: { 'gpu.example/kind': 'l40s' },
  serviceAccount: 'engine',
  pullSecrets: ['registry'],
  probePath: '/health',
  pod: { tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }], priorityClassName: 'models' },
})

test('a release with all that it can say becomes objects that the API server knows', () => {
  const deployment = deploymentOf({ ...order, spec: full }, full, 'north')
  assert.deepEqual(strays(api, ref(roots.deployment), deployment), [])
  assert.deepEqual(strays(api, ref(roots.service), serviceOf({ ...order, spec: full }, full, 'north')), [])
  assert.deepEqual(
    strays(api, ref(roots.deletion), { propagationPolicy: 'Background', preconditions: { uid: 'x' } }),
    [],
  )
  assert.deepEqual(strays(api, ref(roots.scale), { spec: { replicas: 0 } }), [])
})

test('what it does not know is found', () => {
  const wrong = { metadata: { name: 1 }, spec: { replicas: 'one', templates: {} } }
  assert.deepEqual(strays(api, ref(roots.deployment), wrong), [
    '.metadata.name: no string',
    '.spec.selector: missing',
    '.spec.template: missing',
    '.spec.replicas: no integer',
    '.spec.templates: unknown',
  ])
})

test('each of our questions is one that it takes, with these parameters', () => {
  for (const [question, parameters] of Object.entries(questions)) {
    const known = api.queries[question]
    assert.ok(known && known.length > 0, question)
    for (const parameter of parameters) assert.ok(known.includes(parameter), `${question}: ${parameter}`)
  }
})
