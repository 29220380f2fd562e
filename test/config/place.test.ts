/** `holdfast place` as an operator calls it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-place-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const fleet = `
hosts:
  - { name: a, memory: 80GiB, domain: one, price: 4 }
  - { name: b, memory: 60GiB, domain: two, price: 3 }
replicas:
  - { name: chat, count: 2, memory: 20GiB, on: [a, a] }
costs: { spread: 0.1, move: 0.2 }
`

function place(spec: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const path = join(folder, 'fleet.yaml')
  writeFileSync(path, spec)
  const command = ['src/cli/holdfast.ts', 'place', '--spec', path, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

test('a plan is printed with its cost by term, how each solver did, and what has to be moved', () => {
  const { code, stdout } = place(fleet)
  assert.equal(code, 0)
  assert.match(stdout, /^2 replicas on 2 hosts in 2 failure domains/)
  assert.match(stdout, /b +two +3\.00 +█+░+ 40\/60 GiB +chat-1, chat-2/)
  assert.match(stdout, /empty: a/)
  assert.match(stdout, /total +3\.50 +proved: no plan costs less/)
  assert.match(stdout, /greedy +3\.50 +optimum/)
  assert.match(stdout, /to be moved\n {2}chat-1: a → b\n {2}chat-2: a → b/)
})

test('as JSON, with QAOA, its circuit and the QUBO in files', () => {
  const [qubo, qasm] = [join(folder, 'p.json'), join(folder, 'p.qasm')]
  const { code, stdout } = place(fleet, '--solver', 'all', '--json', '--export-qubo', qubo, '--export-qasm', qasm)
  assert.equal(code, 0)
  const { placement, cost, solvers, isOptimal, steps } = JSON.parse(stdout)
  assert.deepEqual(placement, { 'chat-1': 'b', 'chat-2': 'b' })
  assert.ok(isOptimal && Math.abs(cost.total - 3.5) < 1e-9)
  assert.deepEqual(
    solvers.map(({ solver }: { solver: string }) => solver),
    ['greedy', 'anneal', 'exact', 'qaoa'],
  )
  assert.deepEqual(steps[0], { replica: 'chat-1', from: 'a', to: 'b' })
  const { num_variables: count, variable_type: kind } = JSON.parse(readFileSync(qubo, 'utf8'))
  assert.equal(kind, 'BINARY')
  assert.match(
    readFileSync(qasm, 'utf8'),
    new RegExp(`^OPENQASM 3\\.0;[^]*qubit\\[${count}\\] q;[^]*c = measure q;\n$`),
  )
})

test('what is wrong is told with file, line and cure, and nothing is written', () => {
  const bad = place(fleet.replace('20GiB', '200GiB'))
  assert.equal(bad.code, 1)
  assert.match(bad.stderr, /fleet\.yaml:5: replicas: chat-1 takes 200 GiB, and no host holds that/)
  const tight = place(fleet.replace('count: 2, memory: 20GiB, on: [a, a]', 'count: 3, memory: 45GiB'))
  assert.equal(tight.code, 1)
  assert.match(tight.stderr, /No placement holds all replicas; that is proved[^]*Add a host/)
  const path = join(folder, 'p.txt')
  const unnamed = place(fleet, '--export-qubo', path)
  assert.match(unnamed.stderr, /the name says the form/)
  assert.ok(!existsSync(path))
})
