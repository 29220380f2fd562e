/** How the engine is looked for, and what is said when it cannot be had. Fetches nothing. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findLlamaServer, obtainLlamaServer } from '../../lab/llama-server.ts'

/** Where nobody listens: an archive that cannot be reached. */
const nowhere = 'http://127.0.0.1:1/debian'

async function fakeProgram(path: string, lines: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${lines}\n`)
  await chmod(path, 0o755)
  return path
}

/** Runs with a PATH on which there is nothing but the system's tools. */
async function withoutEngineOnPath(run: () => Promise<void>): Promise<void> {
  const before = process.env['PATH']
  process.env['PATH'] = '/usr/bin:/bin'
  try {
    await run()
  } finally {
    process.env['PATH'] = before
  }
}

test('asks a given program for its version, and refuses one that has none', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-engine-'))
  const good = await fakeProgram(join(folder.path, 'good'), 'echo "version: 1.2.3 (test)" >&2')
  const bad = await fakeProgram(join(folder.path, 'bad'), 'exit 1')
  assert.deepEqual(await findLlamaServer({ path: good }), { path: good, version: '1.2.3 (test)', origin: 'given' })
  await assert.rejects(findLlamaServer({ path: bad }), /does not start as a llama-server\. Install llama\.cpp/)
  await assert.rejects(findLlamaServer({ path: join(folder.path, 'absent') }), /does not start/)
})

test('finds a program on PATH before the one in the cache folder, and passes over a broken one', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-engine-'))
  const cacheDir = join(folder.path, 'cache')
  const onPath = await fakeProgram(join(folder.path, 'bin', 'llama-server'), 'echo "version: 2"')
  const cached = await fakeProgram(join(cacheDir, 'llama-server'), 'echo "version: 1"')
  await withoutEngineOnPath(async () => {
    assert.equal((await findLlamaServer({ cacheDir }))?.path, cached)
    process.env['PATH'] = `${join(folder.path, 'bin')}:/usr/bin:/bin`
    assert.equal((await findLlamaServer({ cacheDir }))?.origin, 'path')
    await fakeProgram(onPath, 'exit 127')
    assert.equal((await findLlamaServer({ cacheDir }))?.origin, 'cache')
    await fakeProgram(cached, 'kill -SEGV $$')
    assert.equal(await findLlamaServer({ cacheDir }), undefined)
  })
})

test('says why the engine cannot be fetched and what to do instead, and leaves nothing behind', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-engine-'))
  const cacheDir = join(folder.path, 'llama-server')
  await withoutEngineOnPath(async () => {
    // Two at once, since each must clean up its own folder only.
    const attempts = await Promise.allSettled([1, 2].map(() => obtainLlamaServer({ cacheDir, mirror: nowhere })))
    for (const attempt of attempts) {
      assert.equal(attempt.status, 'rejected')
      assert.match(String(attempt.reason), /^Error: llama-server cannot be had here: .+\. Install llama\.cpp and put/)
    }
  })
  assert.deepEqual(await readdir(folder.path), [])
})

test('stops at once when it is no longer wanted', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-engine-'))
  const reason = new Error('changed my mind')
  const options = { cacheDir: join(folder.path, 'e'), mirror: nowhere, signal: AbortSignal.abort(reason) }
  await withoutEngineOnPath(async () => {
    await assert.rejects(obtainLlamaServer(options), (error) => error === reason)
  })
  assert.deepEqual(await readdir(folder.path), [])
})
