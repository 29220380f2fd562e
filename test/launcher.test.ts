/** The small programs that bring a machine with only Node 20 and npm to a running Holdfast. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const bin = join(import.meta.dirname, '..', 'bin')
const require = createRequire(import.meta.url)
const { whatToInstall } = require(join(bin, 'install.cjs')) as {
  whatToInstall(root: string, isDev: boolean): { isDev: boolean } | null
}

type Packages = Record<string, { version: string; dev?: boolean; optional?: boolean; os?: string[]; cpu?: string[] }>

/** What would be installed for a lock and for what is there already. */
async function decide(locked: Packages, present: Packages | null, isDev: boolean): Promise<{ isDev: boolean } | null> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-launcher-'))
  await writeFile(join(folder.path, 'package-lock.json'), JSON.stringify({ packages: locked }))
  if (present) {
    await mkdir(join(folder.path, 'node_modules'))
    const path = join(folder.path, 'node_modules', '.package-lock.json')
    await writeFile(path, JSON.stringify({ packages: present }))
  }
  return whatToInstall(folder.path, isDev)
}

const a = { version: '1.0.0' }
const tool = { version: '2.0.0', dev: true }
const elsewhere = { version: '1.0.0', optional: true, os: ['plan9'], cpu: ['vax'] }

test('installs what the lock names and what is missing or of another version, and nothing else', async () => {
  const lock: Packages = { '': a, 'node_modules/a': a, 'node_modules/tool': tool, 'node_modules/elsewhere': elsewhere }
  assert.deepEqual(await decide(lock, null, false), { isDev: false })
  assert.deepEqual(await decide(lock, null, true), { isDev: true })
  assert.equal(await decide(lock, { 'node_modules/a': a }, false), null)
  assert.deepEqual(await decide(lock, { 'node_modules/a': a }, true), { isDev: true })
  assert.equal(await decide(lock, { 'node_modules/a': a, 'node_modules/tool': tool }, true), null)
  assert.deepEqual(await decide(lock, { 'node_modules/a': { version: '0.9.0' } }, false), { isDev: false })
})

test('keeps the tools of a developer when only a dependency is stale', async () => {
  const lock: Packages = { 'node_modules/a': a, 'node_modules/tool': tool }
  const present: Packages = { 'node_modules/a': { version: '0.9.0' }, 'node_modules/tool': tool }
  assert.deepEqual(await decide(lock, present, false), { isDev: true })
})

/** Runs a program through the launcher, which stands in a process of its own. The program says `up` once it stands. */
async function launch(program: string, environment: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const code = `require(${JSON.stringify(join(bin, 'launch.cjs'))}).launch(process.execPath, ['-e', process.argv[1]])`
  const script = `${program};process.stdout.write('up')`
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  const env = { ...process.env, npm_lifecycle_event: '', ...environment }
  const child = spawn(process.execPath, ['-e', code, script], { stdio, env })
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  return child
}

async function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit', { signal: AbortSignal.timeout(20_000) })
  }
  return { code: child.exitCode, signal: child.signalCode }
}

test('hands the exit code of the program on', async () => {
  assert.deepEqual(await endOf(await launch('setImmediate(() => process.exit(7))')), { code: 7, signal: null })
})

test('hands signals on, and ends as the program ends', async () => {
  const polite = await launch("process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)")
  polite.kill('SIGTERM')
  assert.deepEqual(await endOf(polite), { code: 0, signal: null })
  const plain = await launch('setInterval(() => {}, 1000)')
  plain.kill('SIGHUP')
  assert.deepEqual(await endOf(plain), { code: null, signal: 'SIGHUP' })
})

test('under npm, tells the program to end when the shell in between has died of the signal', async () => {
  // As npm does it: a shell that runs the script as its child, and not in its own place.
  const code = `require(${JSON.stringify(join(bin, 'launch.cjs'))}).launch(process.execPath, ['-e', process.argv[1]])`
  const script = "process.on('SIGTERM', () => { process.stdout.write('told'); process.exit(0) });"
  const program = `process.stdout.write('up');${script}setInterval(() => {}, 1000)`
  const shell = spawn('/bin/sh', ['-c', '"$0" -e "$1" "$2"; exit $?', process.execPath, code, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, npm_lifecycle_event: 'start' },
  })
  await once(shell.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  shell.kill('SIGKILL')
  const [last] = (await once(shell.stdout, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
  assert.equal(last.toString(), 'told')
})

test('the command says its version under whichever Node starts it', async () => {
  const child = spawn(process.execPath, [join(bin, 'holdfast.cjs'), '--version'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [text] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
  assert.match(text.toString(), /^\d+\.\d+\.\d+/)
  assert.deepEqual(await endOf(child), { code: 0, signal: null })
})
