// Files that include others and take values from the environment: what they become, and where their mistakes are.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { readConfigFiles } from '../../src/config-file.ts'
import { ConfigError } from '../../src/ground/config-error.ts'
import { expand } from '../../src/ground/expand.ts'

const gpu1 = 'upstreams: { gpu1: { url: http://127.0.0.1:8000/v1 } }'

function write(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return join(folder, 'holdfast.yaml')
}

function problemOf(path: string, env = {}): string {
  try {
    readConfigFiles(path, env)
  } catch (thrown) {
    assert(thrown instanceof ConfigError, String(thrown))
    const [{ place, field, message } = assert.fail()] = thrown.problems
    return `${place.slice(dirname(path).length + 1)} ${field} ${message}`
  }
  return assert.fail('it was taken')
}

test('values of the environment stand for text, numbers and truth, with something else where there are none', (t) => {
  const path = write(t, {
    'holdfast.yaml': [
      ...['upstreams:', '  gpu1: { url: "http://${HOST:-localhost}:${PORT}/v1" }'],
      ...['workers: ${WORKERS}', 'log:', '  access: ${ACCESS:-false}', 'status: { name: "costs $${5}, ${DIGITS}" }'],
    ].join('\n'),
  })
  const { config } = readConfigFiles(path, { PORT: '8000', WORKERS: '3', DIGITS: '42', HOST: '' })
  assert.equal(config.upstreams['gpu1']?.url, 'http://localhost:8000/v1')
  assert.deepEqual([config.workers, config.log.access, config.status.name], [3, false, 'costs ${5}, 42'])
})

test('what is missing, or makes no sense, is told with its line', (t) => {
  const path = write(t, { 'holdfast.yaml': `${gpu1}\nsite: \${SITE}\n` })
  assert.equal(problemOf(path), 'holdfast.yaml:2  there is no SITE in the environment')
  assert.equal(problemOf(path, { SITE: 'B A D' }), 'holdfast.yaml:2 site 1 to 12 characters of a-z and 0-9')
  const odd = write(t, { 'holdfast.yaml': `${gpu1}\nstatus: { name: "\${1a}" }\n` })
  assert.match(problemOf(odd), /^holdfast\.yaml:2 {2}this `\$\{` makes no sense/)
})

test('included files are joined, the including one wins, and a mistake is told with the file that has it', (t) => {
  const files = {
    'holdfast.yaml': 'include: [common.yaml, conf.d/*.yaml]\nsite: main\nlog: { level: warn }\n',
    'common.yaml': 'site: common\nlog: { level: debug, access: false }\n',
    'conf.d/10-a.yaml': gpu1,
    'conf.d/20-b.yaml': 'upstreams:\n  gpu2: { url: http://127.0.0.1:8001/v1 }\nworkers: 3\n',
    'conf.d/30-c.yaml': 'workers: 4\n',
  }
  const { config, paths } = readConfigFiles(write(t, files), {})
  assert.deepEqual(Object.keys(config.upstreams), ['gpu1', 'gpu2'])
  assert.deepEqual([config.site, config.log.level, config.log.access, config.workers], ['main', 'warn', false, 4])
  assert.equal(paths.length, 5)
  const bad = { ...files, 'conf.d/20-b.yaml': 'upstreams:\n  gpu2:\n    url: 5\n' }
  assert.match(problemOf(write(t, bad)), /^conf\.d\/20-b\.yaml:3 upstreams\.gpu2\.url/)
})

test('an include that is not there, or leads in a circle, or stands for a folder', (t) => {
  const main = (include: string): string => `include: [${include}]\n${gpu1}\n`
  assert.equal(
    problemOf(write(t, { 'holdfast.yaml': main('no.yaml') })),
    'holdfast.yaml:1  there is no file no.yaml to be included',
  )
  const circle = write(t, { 'holdfast.yaml': main('a.yaml'), 'a.yaml': 'include: [holdfast.yaml]\n' })
  assert.match(problemOf(circle), /includes itself$/)
  assert.match(problemOf(write(t, { 'holdfast.yaml': main('a'), 'a/b.yaml': '' })), /EISDIR|directory/)
  const none = readConfigFiles(write(t, { 'holdfast.yaml': main('conf.d/*.yaml') }), {})
  assert.equal(none.paths.length, 1, 'a pattern may mean no file')
})

test('no name in a file reaches into the program', (t) => {
  const files = { 'holdfast.yaml': `include: [a.yaml]\n${gpu1}\n`, 'a.yaml': '__proto__: { polluted: true }\n' }
  assert.match(problemOf(write(t, files)), /unknown key/)
  assert.equal('polluted' in {}, false)
})

test('expanding ends, and leaves text without templates as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const plain = text.replaceAll('${', '$ {')
      assert.deepEqual(expand(plain, {}), { text: plain, problem: null })
    }),
  )
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-') }),
      (text) => void expand(text, { A: 'x' }),
    ),
  )
})
