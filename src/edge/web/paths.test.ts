// From an address to a route, a file, a type and a coding: by example, and that no path leads out of a folder.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fieldsOf, frontOf, passedFields, requestFields, validating } from './app-request.ts'
import { wantedCodings } from './content-coding.ts'
import { contentType, hasHashedName, isCompressible } from './content-type.ts'
import { below, findRoute } from './find-route.ts'
import { isAmbiguous, safeSegments } from './safe-path.ts'

test('the longest path wins, by whole segments; then the nearest host', () => {
  const routes = [
    { name: 'all', path: '/' },
    { name: 'app', path: '/app' },
    { name: 'deep', path: '/app/deep/' },
    { name: 'host', path: '/', host: 'a.test' },
    { name: 'wild', path: '/', host: '*.a.test' },
  ]
  const at = (host: string, path: string): string | undefined => findRoute(routes, host, path)?.name
  assert.equal(at('x', '/'), 'all')
  assert.equal(at('x', '/application'), 'all')
  assert.equal(at('x', '/app'), 'app')
  assert.equal(at('x', '/app/deeper'), 'app')
  assert.equal(at('x', '/app/deep/1'), 'deep')
  assert.equal(at('A.test:80', '/'), 'host')
  assert.equal(at('b.a.test', '/'), 'wild')
  assert.equal(at('xa.test', '/'), 'all')
  assert.equal(at('a.test', '/app/1'), 'app')
  assert.equal(findRoute([{ path: '/app' }], 'x', '/'), null)
  const rest = (path: string, prefix: string): string => below(path, { path: prefix })
  assert.deepEqual(
    [rest('/app/x?y', '/app'), rest('/app', '/app'), rest('/app?x', '/app'), rest('/x', '/'), rest('/a/b', '/a/')],
    ['/x?y', '/', '/?x', '/x', '/b'],
  )
})

test('whatever is asked for, the file lies in the folder', () => {
  const piece = fc.constantFrom(
    ...['/', '..', '.', '%2e', '%2f', '%5c', '\\', 'a', '%00', '%', '%c0%af', '~', ':', '%252e', ' ', '//'],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const segments = safeSegments(`/${pieces.join('')}`)
      if (segments === null) return
      const path = join('/srv/site', ...segments)
      assert.ok(path === '/srv/site' || path === '/srv/site/' || path.startsWith('/srv/site/'), path)
      assert.ok(segments.every((each) => !each.startsWith('.') && !/[/\\\0]/.test(each)))
    }),
    { numRuns: 2000 },
  )
})

test('paths that are read in two ways', () => {
  for (const path of ['//a', '/a/../b', '/a/./b', '/a/%2E%2e/b', '/a/..', '/a/..%2fb', '/a\\b', '/a%00', '/..%5cb'])
    assert.ok(isAmbiguous(path), path)
  for (const path of [
    '/a%2f..%2fb',
    '/a%5c..%5cb',
    '/a/..;/b',
    '/a/..%3bx/b',
    '/%2fevil.test',
    '/%5Cevil.test',
    '/a#/../b',
  ])
    assert.ok(isAmbiguous(path), path)
  for (const path of [
    '/',
    '/a',
    '/a..b',
    '/...',
    '/a;b',
    '/a%2fb',
    '/a/..b;c',
    '/a//b',
    '/a/.well-known/x',
    '/a%20b',
    '/a/..b',
    '/%2efile',
  ])
    assert.ok(!isAmbiguous(path), path)
})

test('types and hashes of names', () => {
  assert.equal(contentType('a.min.JS'), 'text/javascript; charset=utf-8')
  for (const odd of ['a', 'a.', 'a.constructor', '__proto__', 'a.toString'])
    assert.equal(contentType(odd), 'application/octet-stream')
  assert.ok(
    isCompressible('text/html; charset=utf-8') &&
      isCompressible('image/svg+xml') &&
      isCompressible('application/ld+json'),
  )
  assert.ok(!isCompressible('image/png') && !isCompressible('text/event-stream') && !isCompressible('font/woff2'))
  for (const name of [
    'index-DqWb3gP1.js',
    'main.4f3a2b1c.css',
    'chunk-0a1b2c3d4e5f6789.js',
    'a.4f3a2b1c.chunk.js',
    'x-abc12345.svg',
  ])
    assert.ok(hasHashedName(name), name)
  for (const name of [
    'index.html',
    'my-component.js',
    'photo-20240101.jpg',
    'app-settings.css',
    'jquery-3.7.1.min.js',
    'a-b.js',
  ])
    assert.ok(!hasHashedName(name), name)
})

test('codings in the order of the client’s liking', () => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, ''],
    ['gzip, deflate, br, zstd', 'br zstd gzip'],
    ['x-gzip', 'gzip'],
    ['gzip;q=0.8, br;q=0.2', 'gzip br'],
    ['*;q=0.1, br;q=0', 'zstd gzip'],
    ['identity;q=1, gzip;q=0.9', ''],
    ['"br"', ''],
    ['gzip;q=0.0000', ''],
  ]
  for (const [accepted, expected] of cases)
    assert.equal(wantedCodings(accepted).join(' '), expected, accepted ?? 'nothing')
})

test('who asked, as the application is told', () => {
  const told = (address: string, isTrusted: boolean, ...headers: string[]): Record<string, string> => {
    const isChunked = headers.includes('chunked')
    const front = frontOf(headers, 'site.test', { peer: { address, isTrusted }, isTls: false })
    const fields = requestFields(passedFields(headers), 'site.test', front, {
      node: 'n',
      requestId: 'r',
      httpVersion: '1.1',
      isChunked,
    })
    return Object.fromEntries(
      fields.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), fields[i + 1] ?? '']] : [])),
    )
  }
  const claims = ['X-Forwarded-For', '1.2.3.4, <script>', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'evil.test']
  const far = told('93.184.216.34', false, ...claims)
  assert.deepEqual(
    [far['x-forwarded-for'], far['x-forwarded-proto'], far['x-forwarded-host'], far['forwarded']],
    ['93.184.216.34', 'http', 'site.test', 'for=93.184.216.34;host="site.test";proto=http'],
  )
  const near = told('10.0.0.1', true, ...claims)
  assert.deepEqual(
    [near['x-forwarded-for'], near['x-forwarded-proto'], near['forwarded']],
    ['1.2.3.4, <script>, 10.0.0.1', 'https', 'for=1.2.3.4, for=unknown, for=10.0.0.1;host="evil.test";proto=https'],
  )
  assert.equal(told('2606:4700::1', false)['forwarded'], 'for="[2606:4700::1]";host="site.test";proto=http')
  assert.equal(
    told('10.0.0.1', true, 'x-forwarded-host', 'a\tb"', 'x-forwarded-proto', 'gopher')['x-forwarded-host'],
    'site.test',
  )
  assert.equal(told('10.0.0.1', true, 'via', '1.0 a')['via'], '1.0 a, 1.1 n')
  assert.equal(told('10.0.0.1', true, 'Transfer-Encoding', 'chunked')['transfer-encoding'], 'chunked')
  assert.deepEqual(fieldsOf([':path', '/', 'a', '1']), ['a', '1'])
  assert.deepEqual(validating(['If-None-Match', '"x"', 'Range', 'bytes=0-', 'a', '1'], ['ETag', '"y"']), [
    'a',
    '1',
    'if-none-match',
    '"y"',
  ])
})
