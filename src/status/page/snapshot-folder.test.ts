/** The folder: only what changed is written, whole, and what is gone goes. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { calmView, incident, nowMs, troubledView } from '../../../test/status/page-views.ts'
import type { PageFile } from './page-file.ts'
import { newsOf, Renewal } from './renewal.ts'
import { hashOf, isPagePath, readSnapshot } from './snapshot.ts'
import { SnapshotFolder } from './snapshot-folder.ts'

let root: string
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-folder-'))
})
after(() => rm(root, { recursive: true, force: true }))

const file = (path: string, text: string): PageFile => ({ path, contentType: 'text/plain', bytes: Buffer.from(text) })
const long = new Date(2020, 0, 1)

test('only what changed is written, and what is no longer listed is removed', async () => {
  const path = join(root, 'changed')
  const folder = new SnapshotFolder(path)
  const first = await folder.write([file('index.html', 'a'), file('api/v2/status.json', 'b'), file('old.html', 'c')], 1)
  for (const name of ['index.html', 'api/v2/status.json']) await utimes(join(path, name), long, long)
  await writeFile(join(path, 'CNAME'), 'not ours')
  const second = await folder.write([file('index.html', 'new'), file('api/v2/status.json', 'b')], 2)
  assert.notEqual(second.version, first.version)
  assert.equal(await readFile(join(path, 'index.html'), 'utf8'), 'new')
  assert.equal((await stat(join(path, 'api/v2/status.json'))).mtimeMs, long.getTime())
  assert.deepEqual((await readdir(path)).toSorted(), ['CNAME', 'api', 'index.html', 'snapshot.json'])
  // Whoever serves it may be another user.
  assert.equal((await stat(join(path, 'index.html'))).mode & 0o777, 0o644)
})

test('a successor goes on with what is there, and mends what is broken', async () => {
  const path = join(root, 'successor')
  const files = [file('index.html', 'a'), file('b.html', 'b'), file('c.html', 'c')]
  await new SnapshotFolder(path).write(files, 1)
  await writeFile(join(path, 'b.html'), 'cut o')
  for (const name of ['index.html', 'b.html']) await utimes(join(path, name), long, long)
  await new SnapshotFolder(path).write(files.slice(0, 2), 2)
  assert.equal((await stat(join(path, 'index.html'))).mtimeMs, long.getTime())
  assert.equal(await readFile(join(path, 'b.html'), 'utf8'), 'b')
  assert.deepEqual((await readdir(path)).toSorted(), ['b.html', 'index.html', 'snapshot.json'])
})

test('the list says what is there, and a damaged one is none', async () => {
  const path = join(root, 'list')
  await new SnapshotFolder(path).write([file('index.html', 'a')], 42)
  const text = await readFile(join(path, 'snapshot.json'), 'utf8')
  const snapshot = readSnapshot(text)
  assert.equal(snapshot?.ofMs, 42)
  assert.deepEqual(snapshot?.files, [{ path: 'index.html', contentType: 'text/plain', hash: hashOf(Buffer.from('a')) }])
  for (let length = 0; length < text.length; length++) assert.equal(readSnapshot(text.slice(0, length)), null)
})

test('no path leads out of the folder, or to what is hidden', async () => {
  const bad = ['../x', '/x', 'a/../b', '.htaccess', 'a/.git/x', 'a//b', '', 'a\\b', 'a\0', 'snapshot.json', 'a/']
  for (const each of bad) assert.equal(isPagePath(each), false, each)
  for (const each of ['index.html', 'api/v2/incidents/unresolved.json', 'de/history/2026-11.html'])
    assert.equal(isPagePath(each), true, each)
  const path = join(root, 'inner')
  await new SnapshotFolder(path).write(
    bad.map((each) => file(each, 'x')),
    1,
  )
  assert.deepEqual(await readdir(path), ['snapshot.json'])
})

test('a folder that cannot be written is told of, and written as soon as it can be', async () => {
  const path = join(root, 'blocked')
  await writeFile(path, 'a file stands here')
  const folder = new SnapshotFolder(path)
  await assert.rejects(folder.write([file('index.html', 'a')], 1))
  await rm(path)
  await folder.write([file('index.html', 'a')], 2)
  assert.equal(await readFile(join(path, 'index.html'), 'utf8'), 'a')
})

test('a file that somebody removed or cut off is put back, and a write that fails leaves no half of one', async () => {
  const path = join(root, 'tidied')
  const folder = new SnapshotFolder(path)
  const files = [file('index.html', 'a'), file('b.html', 'whole'), file('c.html', 'c')]
  await folder.write(files, 1)
  await rm(join(path, 'c.html'))
  await writeFile(join(path, 'b.html'), 'who')
  await folder.write(files, 2)
  assert.equal(await readFile(join(path, 'b.html'), 'utf8'), 'whole')
  assert.equal(await readFile(join(path, 'c.html'), 'utf8'), 'c')
  // A folder in the way: what was written aside cannot be put in its place.
  await rm(join(path, 'c.html'))
  await mkdir(join(path, 'c.html'))
  await assert.rejects(folder.write([...files.slice(0, 2), file('c.html', 'new')], 3))
  assert.deepEqual((await readdir(path)).toSorted(), ['b.html', 'c.html', 'index.html', 'snapshot.json'])
})

test('news is at once, figures are now and then', () => {
  const renewal = new Renewal()
  const view = troubledView()
  assert.equal(renewal.isDue(view, 0), true)
  assert.equal(renewal.isDue(calmView(), 500), false, 'not twice in a second')
  assert.equal(renewal.isDue(calmView(), 1500), true, 'something happened')
  const figures = { ...calmView(), updatedMs: nowMs + 9000, responseTimes: [] }
  assert.equal(renewal.isDue(figures, 10_000), false)
  assert.equal(renewal.isDue(figures, 32_000), true)
  const estimated = (atMs: number, words: string) => {
    return { ...view, incidents: [incident({ eta: { atMs, lowMs: 1, medianMs: 2, highMs: 3, words } })] }
  }
  assert.equal(newsOf(estimated(1, 'an hour')), newsOf(estimated(9000, 'an hour')), 'estimated again, to the same end')
  assert.notEqual(newsOf(estimated(1, 'an hour')), newsOf(estimated(1, '2 hours')))
  renewal.failed()
  assert.equal(renewal.isDue(figures, 34_000), true, 'what could not be kept is due again')
  const [first] = incident().updates
  assert.ok(first)
  const corrected = [{ atMs: 1, by: 'x', text: 'before' }]
  const mended = { ...view, incidents: [incident({ updates: [{ ...first, corrected }] })] }
  assert.notEqual(newsOf(mended), newsOf({ ...view, incidents: [incident({ updates: [first] })] }))
})
