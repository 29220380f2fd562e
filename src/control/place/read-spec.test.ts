/** What is wrong with a file of `holdfast place` is told with its place and its cure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../ground/config-error.ts'
import { readSpec } from './read-spec.ts'

const hosts = [{ name: 'gpu', count: 2, memory: '80GiB', gpus: 2, domain: 'a' }]

function problemsOf(spec: unknown): string {
  try {
    readSpec(spec, (path) => `at ${path.join('.')}`)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message
  }
  return assert.fail('it was taken')
}

test('entries with a count become many, each with its place of now', () => {
  const question = readSpec(
    {
      hosts,
      replicas: [
        { name: 'chat', count: 3, memory: '1.5GiB', on: ['gpu-2'] },
        { name: 'embed', model: 'e5', memory: 5, gpus: 1, on: 'gpu-1', move: 2 },
      ],
    },
    () => '',
  )
  assert.deepEqual(
    question.hosts.map(({ name, domain, price }) => [name, domain, price]),
    [
      ['gpu-1', 'a', 1],
      ['gpu-2', 'a', 1],
    ],
  )
  assert.deepEqual(
    question.replicas.map(({ name, model, presentHost, moveCost, memoryBytes }) => {
      return [name, model, presentHost, moveCost, memoryBytes / 2 ** 20]
    }),
    [
      ['chat-1', 'chat', 'gpu-2', 0.1, 1536],
      ['chat-2', 'chat', null, 0.1, 1536],
      ['chat-3', 'chat', null, 0.1, 1536],
      // Five bytes count as a whole MiB.
      ['embed', 'e5', 'gpu-1', 2, 1],
    ],
  )
})

test('bad values are told with place and cure', () => {
  const replica = { name: 'chat', memory: '10GiB' }
  const cases: [unknown, RegExp][] = [
    [{ hosts, replicas: [{ ...replica, move: -1 }] }, /at replicas\.0\.move: .*>=0\n.*What it costs to move it/],
    [{ hosts, replicas: [{ ...replica, move: Number.NaN }] }, /replicas\.0\.move: expected number, received NaN/],
    [{ hosts: [{ ...hosts[0], price: Infinity }], replicas: [replica] }, /hosts\.0\.price: .*Infinity/],
    [{ hosts, replicas: [{ ...replica, memory: '10GB' }] }, /memory: .*text like 80GiB/],
    [{ hosts, replicas: [{ ...replica, memory: -5 }] }, /replicas\.0\.memory: .*>=0/],
    [{ hosts, replicas: [{ ...replica, memroy: 1 }] }, /replicas\.0\.memroy: unknown key\n.*`memory`/],
    [{ hosts, replicas: [{ ...replica, on: 'gpu-3' }] }, /no host named "gpu-3"\n.*Did you mean `gpu-/],
    [{ hosts, replicas: [{ ...replica, on: ['gpu-1', 'gpu-2'] }] }, /2 hosts for 1 replica/],
    [
      { hosts, replicas: [{ ...replica, affinity: ['rga'] }], affinities: { rag: { kind: 'together' } } },
      /replicas\.0\.affinity\.0: there is no affinity named "rga"\n.*Did you mean `rag`/,
    ],
    [{ hosts, replicas: [{ ...replica, affinity: ['rag'] }] }, /no affinity named "rag"\n.*Add it under `affinities`/],
    [{ hosts, replicas: [replica, replica] }, /at replicas\.1\.name: .*two replicas are named chat/],
    [{ hosts: [...hosts, { name: 'gpu-2', memory: 1 }], replicas: [replica] }, /two hosts are named gpu-2/],
    [{ hosts, replicas: [] }, /replicas: .*>=1/],
    [null, /expected object/],
  ]
  for (const [spec, expected] of cases) assert.match(problemsOf(spec), expected)
})

test('what cannot fit is told before anybody plans', () => {
  const large = problemsOf({ hosts, replicas: [{ name: 'huge', memory: '90GiB', gpus: 1 }] })
  assert.match(large, /huge takes 90 GiB and 1 GPU, and no host holds that: the largest has 80 GiB/)
  const many = problemsOf({ hosts, replicas: [{ name: 'm', count: 5, memory: '40GiB' }] })
  assert.match(many, /all replicas together take 200 GiB, and all hosts together have 160 GiB\n.*Add hosts/)
})
