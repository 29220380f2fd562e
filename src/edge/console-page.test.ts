/** The console's files over HTTP: what is there, what is not, and under which rules browsers run it. */
import assert from 'node:assert/strict'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { answerConsole } from './console-page.ts'

const server = createServer((request, response) => {
  if (!answerConsole((request.url ?? '').split('?')[0] ?? '', request, response)) response.writeHead(404).end()
})
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
after(() => server.close())

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly bytes: Buffer
}

/** The path goes out as it is, dots and all. */
function ask(path: string, headers: Record<string, string> = {}): Promise<Got> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (bytes: Buffer) => pieces.push(bytes))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(pieces) }),
      )
    }).on('error', reject)
  })
}

test('the root leads to the page, whose every file may only come from here', async () => {
  assert.equal((await ask('/')).headers['location'], '/console/')
  const { status, headers, bytes } = await ask('/console/')
  assert.equal(status, 200)
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/)
  assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*/)
  assert.doesNotMatch(bytes.toString(), /<script>|<style>|style=|https?:\/\/(?!www\.w3\.org)/)
})

test('a checkout serves its sources as browsers can run them', async () => {
  const { headers, bytes } = await ask('/console/main.ts')
  assert.match(String(headers['content-type']), /^text\/javascript/)
  assert.match(bytes.toString(), /from '\/console\/lib\/htm-preact\.js'/)
  const state = (await ask('/console/state.ts')).bytes.toString()
  assert.doesNotMatch(state, /import type|: string|<Overview/)
  for (const file of ['preact', 'preact-hooks', 'signals', 'signals-core', 'htm', 'htm-preact', 'uplot']) {
    const library = (await ask(`/console/lib/${file}.js`)).bytes.toString()
    assert.ok(library.length > 100, file)
    assert.doesNotMatch(library, /\b(from|import)\s*["'](?![./])[\w@]/, `${file} imports what a browser does not know`)
  }
})

test('compressed for those who take it', async () => {
  const plain = await ask('/console/style.css')
  const zipped = await ask('/console/style.css', { 'accept-encoding': 'br, gzip' })
  assert.equal(zipped.headers['content-encoding'], 'gzip')
  assert.deepEqual(gunzipSync(zipped.bytes), plain.bytes)
})

test('nothing but the console’s own files', async () => {
  const paths = [
    ...['/console/../package.json', '/console/..%2fpackage.json', '/console/%2e%2e/package.json', '/console//main.ts'],
    ...[
      '/console/../../src/main.ts',
      '/console/.ts',
      '/console/tsconfig.json',
      '/console/none.ts',
      '/console/lib/none.js',
    ],
    ...['/console/lib/../main.ts', '/console/\\..\\..\\package.json', '/consoles/main.ts', '/console/main.ts%00.css'],
  ]
  for (const path of paths) assert.equal((await ask(path)).status, 404, path)
})
