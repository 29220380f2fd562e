/** Starts that cannot work: the process ends, and its last words name the cause and the cure. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')
let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-start-'))))
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

/** Runs to its end, which must come by itself; gives what was said on standard error. */
function fail(...args: string[]): string {
  const { status, signal, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.deepEqual([status, signal], [1, null], stderr)
  assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace')
  return stderr
}

const upstream = ['--upstream', 'http://127.0.0.1:1/v1', '--admin-port', '0']

for (const workers of ['1', '2']) {
  for (const which of ['--port', '--admin-port']) {
    test(`a port that is taken (${which}, ${workers} workers)`, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const port = String((server.address() as AddressInfo).port)
      try {
        const words = fail('run', '--port', '0', ...upstream, which, port, '--workers', workers)
        assert.match(words, new RegExp(`EADDRINUSE.*${port}\\n +Another program has this port`))
      } finally {
        server.close()
      }
    })
  }
}

test('an upstream without http:// in front', () => {
  for (const url of ['localhost:8000', 'gpu1', 'ftp://gpu1/v1'])
    assert.match(fail('run', '--upstream', url), /--upstream .*: not a URL of http or https\n +Write it like http:/)
})

test('aliases of YAML that lead nowhere, or beyond all measure', () => {
  const file = join(folder, 'bad.yaml')
  writeFileSync(file, 'upstreams: *nobody\n')
  assert.match(fail('check', file), /bad\.yaml: .*alias.*\n +Write the values out/i)
  const rows = ['a: &a [x,x,x,x,x,x,x,x,x]']
  for (const [one, of] of ['ba', 'cb', 'dc']) rows.push(`${one}: &${one} [${Array(9).fill(`*${of}`).join(',')}]`)
  writeFileSync(file, `${rows.join('\n')}\n`)
  assert.match(fail('check', file), /bad\.yaml: .*alias.*\n +Write the values out/i)
})
