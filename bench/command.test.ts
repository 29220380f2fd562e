/** Tests of how a bench is called. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command, flag, text } from './command.ts'

const options = { quick: flag, rounds: text, share: text, kinds: text }
const kinds = ['red', 'green', 'blue'] as const

test('options are read as what they are, and have defaults', () => {
  const said = new Command('usage', options, ['--quick', '--rounds', '3', '--share=0.5', '--kinds', 'blue,red'])
  assert.deepEqual([said.is('quick'), said.count('rounds', 5, 1, 10), said.number('share', 1, 0, 1)], [true, 3, 0.5])
  assert.deepEqual(said.listOf('kinds', kinds, kinds), ['red', 'blue'])
  const unsaid = new Command('usage', options, [])
  assert.deepEqual([unsaid.is('quick'), unsaid.count('rounds', 5, 1, 10), unsaid.text('share')], [false, 5, undefined])
  assert.deepEqual([unsaid.listOf('kinds', kinds, ['green']), unsaid.oneOf('kinds', kinds, 'red')], [['green'], 'red'])
})

for (const [args, code, words] of [
  [['--help'], 0, /^usage: node bench\/balance\.ts \[options\]\n/],
  [['--replicas', '0'], 2, /^--replicas is a number from 1 to 1000\n\nusage: /],
  [['--replicas', 'many'], 2, /^--replicas is a number from 1 to 1000\n/],
  [['--replicas', '1.5'], 2, /^--replicas is a whole number\n/],
  [['--nobody-knows-it'], 2, /^Unknown option '--nobody-knows-it'/],
] as const) {
  test(`a bench called with ${args.join(' ')} ends with ${code} and says why`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'balance.ts'), ...args], {
      encoding: 'utf8',
    })
    assert.equal(status, code)
    assert.match(`${stdout}${stderr}`, words)
  })
}
