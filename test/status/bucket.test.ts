/** The copy in a bucket: with a real S3 server, which checks signatures, and with one that fails on purpose. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import S3rver from '@20minutes/s3rver'
import { systemClock } from '../../src/ground/clock.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { BucketCopy } from '../../src/status/page/bucket-copy.ts'
import type { PageFile } from '../../src/status/page/page-file.ts'
import { pageFiles } from '../../src/status/page/page-files.ts'
import { type Bucket, objectUrl, PutError, putObject, type ToPut } from '../../src/status/page/put-object.ts'
import { wordsOf } from '../../src/status/page/words/languages.ts'
import { silentLog } from '../../src/observe/log.ts'
import { troubledView } from './page-views.ts'

const name = 'status-page'
let folder: string
let store: S3rver
let bucket: Bucket

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-bucket-'))
  const address = '127.0.0.1'
  store = new S3rver({ address, port: 0, silent: true, directory: folder, configureBuckets: [{ name }] })
  const { port } = await store.run()
  bucket = {
    ...{ endpoint: `http://${address}:${port}`, region: 'us-east-1', name, prefix: 'our status/', style: 'path' },
    ...{ accessKey: 'S3RVER', secretKey: 'S3RVER', timeoutMs: 10_000 },
  }
})
after(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

const file = (path: string, text: string): PageFile => ({ path, contentType: 'text/html', bytes: Buffer.from(text) })
const files = (): PageFile[] =>
  pageFiles(troubledView(), {
    languages: wordsOf(['en', 'de']),
    logo: null,
    staleMinutes: 10,
    feeds: [],
    canSubscribe: false,
  })

function copyTo(put: (object: ToPut) => Promise<void>, clock = new ManualClock()): BucketCopy {
  const log = silentLog
  return new BucketCopy({ clock, random: seededRandom(1), log, put, periodMs: 1000, maxAgeSeconds: 10 })
}

/** Reads without a signature: only whether it is there is asked. */
async function read(key: string): Promise<Response> {
  return await fetch(objectUrl(bucket, key))
}

test('the whole page is there as it was made, and can be read by anybody', async () => {
  const put: string[] = []
  const copy = copyTo(async (object) => {
    await putObject(bucket, object, systemClock.nowMs())
    put.push(object.key)
  })
  const made = files()
  copy.copy(made)
  await copy.close()
  assert.deepEqual(put.toSorted(), made.map(({ path }) => path).toSorted())
  assert.equal(put.at(-1), 'index.html', 'what the first page leads to is there before it')
  for (const { path, bytes, contentType } of made) {
    const answer = await read(path)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes, path)
    assert.equal(answer.headers.get('content-type'), contentType)
    assert.match(answer.headers.get('cache-control') ?? '', /max-age=10, stale-if-error/)
  }
})

test('a wrong key, a wrong secret and a wrong bucket are refused by the store, and said in its words', async () => {
  const object = { key: 'x', headers: {}, body: Buffer.from('x') }
  const put = (changed: Partial<Bucket>): Promise<void> => putObject({ ...bucket, ...changed }, object, Date.now())
  const refused = (words: RegExp) => (error: unknown) =>
    error instanceof PutError && error.isLasting && words.test(error.message)
  await assert.rejects(put({ secretKey: 'another' }), refused(/403 SignatureDoesNotMatch/))
  await assert.rejects(put({ accessKey: 'another' }), refused(/403 InvalidAccessKeyId/))
  await assert.rejects(put({ name: 'no-such-bucket' }), refused(/404 NoSuchBucket/))
  await assert.rejects(put({ endpoint: 'http://127.0.0.1:1' }), (error: PutError) => !error.isLasting)
  await put({})
})

test('only what changed is put again', async () => {
  const put: string[] = []
  const clock = new ManualClock()
  const copy = copyTo(async ({ key }) => void put.push(key), clock)
  copy.copy([file('index.html', 'a'), file('b.html', 'b')])
  await turns()
  copy.copy([file('index.html', 'older'), file('b.html', 'b')])
  copy.copy([file('index.html', 'new'), file('b.html', 'b')])
  await turns()
  assert.deepEqual(put, ['b.html', 'index.html'], 'the next round has its time')
  clock.advance(1000)
  await turns()
  assert.deepEqual(put, ['b.html', 'index.html', 'index.html'])
  await copy.close()
})

test('a store that fails is asked again, a few times; then with the next change', async () => {
  const asked: string[] = []
  let isDown = true
  const clock = new ManualClock()
  const copy = copyTo(({ key }) => {
    asked.push(key)
    return isDown ? Promise.reject(new PutError('status 503', false)) : Promise.resolve()
  }, clock)
  copy.copy([file('index.html', 'a')])
  for (let second = 0; second < 60; second++) {
    await turns()
    clock.advance(1000)
  }
  assert.equal(asked.length, 4)
  isDown = false
  copy.copy([file('index.html', 'a')])
  await turns()
  clock.advance(2000)
  await turns()
  assert.equal(asked.length, 5)
  await copy.close()
})

test('what is refused for good is not asked again, and a store that is gone is left alone for the round', async () => {
  let count = 0
  const copy = copyTo(() => {
    count++
    return Promise.reject(new PutError('status 403', true))
  })
  copy.copy(Array.from({ length: 100 }, (_, i) => file(`${i}.html`, 'x')))
  await turns()
  await copy.close()
  assert.ok(count >= 8 && count <= 12, `${count}`)
})

test('a store that never answers costs its time and no more', async () => {
  const held: IncomingMessage[] = []
  const server = createServer((request) => void held.push(request)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const put = putObject(
    { ...bucket, endpoint, timeoutMs: 150 },
    { key: 'x', headers: {}, body: Buffer.from('x') },
    Date.now(),
  )
  await assert.rejects(put, (error: PutError) => !error.isLasting)
  server.closeAllConnections()
  server.close()
})

test('the bucket is named in the path or in the host', () => {
  const at = (changed: Partial<Bucket>): string =>
    objectUrl({ ...bucket, endpoint: 'https://s3.example.org/base/', prefix: 'p/', ...changed }, 'de/x.html').href
  assert.equal(at({}), 'https://s3.example.org/base/status-page/p/de/x.html')
  assert.equal(at({ style: 'host' }), 'https://status-page.s3.example.org/base/p/de/x.html')
})

/** Lets promises come to rest. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}
