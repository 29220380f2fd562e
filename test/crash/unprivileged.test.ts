// As a user who may write nowhere but into the state folder, as on a read-only file system: it serves, and keeps.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'

const nobody = 65_534
const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

/** Why it cannot be tried here; null where it can. */
function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'only root can become another user'
  const tried = spawnSync(process.execPath, ['-e', `require('fs').readFileSync(${JSON.stringify(main)})`], {
    ...{ uid: nobody, gid: nobody },
  })
  return tried.status === 0 ? null : 'the checkout or Node cannot be read by another user'
}

/** A busy machine may make the gateway say something else first. */
async function readyUrls(stdout: Readable): Promise<string[]> {
  return new Promise((resolve, reject) => {
    createInterface({ input: stdout })
      .on('line', (line) => {
        const { event, urls = [] } = JSON.parse(line) as { event?: string; urls?: string[] }
        if (event === 'ready') resolve(urls)
      })
      .once('close', () => reject(new Error('the gateway ended before it was ready')))
  })
}

test('a user without rights, on what is as good as a read-only file system', async (t) => {
  const why = whyNot()
  if (why) return t.skip(why)
  const sim = await startSim({ model: 'lab', rate: 2000 })
  t.after(() => sim.stop())
  const state = mkdtempSync(join(tmpdir(), 'holdfast-unprivileged-'))
  chownSync(state, nobody, nobody)
  t.after(() => rmSync(state, { recursive: true }))
  const flags = ['--upstream', `${sim.url}/v1`, '--port', '0', '--admin-port', '0', '--state', state]
  const child = spawn(process.execPath, [main, 'run', ...flags], {
    ...{ uid: nobody, gid: nobody, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', TMPDIR: '/nonexistent' },
  })
  let errors = ''
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  t.after(() => child.kill('SIGKILL'))
  const urls = await readyUrls(child.stdout)
  assert.equal((await chat(urls[0] ?? '', 'lab', 'tokens:20', true)).verdict, 'whole', errors)
  const files = readdirSync(state)
  assert(files.includes('journal.db'), files.join())
  for (const file of files) {
    const { uid, mode } = statSync(join(state, file))
    assert.deepEqual([uid, mode & 0o077], [nobody, 0], `${file} is for its own user only`)
  }
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  chmodSync(state, 0o700)
  assert.doesNotMatch(errors, /EACCES|EROFS|EPERM/)
})
