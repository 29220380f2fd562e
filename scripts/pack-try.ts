/** `npm run pack:try`: packs, installs the tarball into an empty folder, starts it there, makes one call, stops it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { root, runStep } from './step.ts'

interface Ready {
  readonly url: string
  readonly adminUrl: string
  readonly models: readonly string[]
}

const programMs = 180_000
const readyMs = 60_000
const callMs = 20_000
const stopMs = 20_000

/** The machine's own Node runs npm and the command, as it will at a user's. */
const environment = {
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((part) => !part.includes('node_modules'))
    .join(delimiter),
}

function say(what: string, startMs: number, more = ''): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  process.stdout.write(`ok    ${what.padEnd(32)} ${seconds.padStart(5)} s   ${more}\n`)
}

/** Runs a program to its end. @throws {Error} with what it said, if that was a bad one */
async function runProgram(what: string, program: string, args: readonly string[], folder: string): Promise<string> {
  const startMs = performance.now()
  const { isGood, output } = await runStep(what, program, args, { folder, environment, timeoutMs: programMs })
  if (!isGood) throw new Error(`${what}: ${output.slice(-4000)}`)
  say(what, startMs)
  return output
}

/** Packs into `folder` and looks at what is in the tarball. Resolves with its file name. */
async function pack(folder: string): Promise<string> {
  const output = await runProgram('pack', 'npm', ['pack', '--json', '--pack-destination', folder], root)
  // The build may talk before npm prints its JSON.
  const [packed] = JSON.parse(output.slice(output.search(/^\[/m), output.lastIndexOf(']') + 1)) as [
    { filename: string; size: number; files: { path: string }[] },
  ]
  const strays = packed.files.map(({ path }) => path).filter((path) => /\.test\.|(^|\/)test\/|\.ts$/.test(path))
  if (strays.length > 0) throw new Error(`the package holds what it should not: ${strays.join(', ')}`)
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack left no tarball')
  process.stdout.write(`      ${packed.files.length} files, ${(packed.size / 1024).toFixed(0)} KiB\n`)
  return tarball
}

/** Resolves with the ready line of a gateway that starts. */
async function readyLine(child: ChildProcess): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<Ready>()
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line) as Ready)
    })
  }
  child.once('error', reject)
  child.once('exit', (code) => reject(new Error(`holdfast ended at its start with ${code}`)))
  const late = setTimeout(() => reject(new Error(`holdfast was not ready within ${readyMs / 1000} s`)), readyMs)
  return promise.finally(() => clearTimeout(late))
}

async function callOnce({ url, models }: Ready): Promise<string> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: models[0], messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 }),
    signal: AbortSignal.timeout(callMs),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`the call was answered ${answer.status}: ${text}`)
  const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] }
  const content = choices[0]?.message.content ?? ''
  if (content === '') throw new Error(`the call got no words: ${text}`)
  return content
}

/** The page, and all that it names. */
async function lookAtConsole({ adminUrl }: Ready): Promise<string> {
  const signal = AbortSignal.timeout(callMs)
  const page = await (await fetch(`${adminUrl}/`, { signal })).text()
  const files = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path)
  if (files.length < 2) throw new Error(`the console is not built: ${page.slice(0, 1000)}`)
  for (const path of files) {
    const { ok, status } = await fetch(`${adminUrl}/console/${path}`, { signal })
    if (!ok) throw new Error(`the console has no ${path}: ${status}`)
  }
  return files.join(', ')
}

/** Asks it to end. @throws {Error} if it does not, or not well */
async function stop(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.removeAllListeners('exit')
  child.once('exit', (code, signal) => {
    if (code === 0) resolve()
    else reject(new Error(`it ended with ${code ?? signal} after SIGTERM`))
  })
  const late = setTimeout(() => reject(new Error(`it was still there ${stopMs / 1000} s after SIGTERM`)), stopMs)
  child.kill('SIGTERM')
  await promise.finally(() => clearTimeout(late))
}

async function tryPackage(folder: string): Promise<void> {
  const tarball = await pack(folder)
  const home = join(folder, 'empty')
  await mkdir(home)
  await writeFile(join(home, 'package.json'), '{"private":true}\n')
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', join(folder, tarball)]
  await runProgram('install into an empty folder', 'npm', install, home)
  let startMs = performance.now()
  const args = ['--lab', 'sim', '--port', '0', '--admin-port', '0']
  const env = { ...process.env, ...environment }
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  const child = spawn(join(home, 'node_modules', '.bin', 'holdfast'), args, { cwd: home, env, stdio })
  try {
    const ready = await readyLine(child)
    say('start', startMs, ready.url)
    startMs = performance.now()
    say('one call', startMs, JSON.stringify(await callOnce(ready)))
    startMs = performance.now()
    say('console', startMs, await lookAtConsole(ready))
    startMs = performance.now()
    await stop(child)
    say('stop', startMs)
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-try-'))
try {
  process.stdout.write(`Trying the package in ${folder.path}\n`)
  await tryPackage(folder.path)
} catch (error) {
  process.stderr.write(`FAIL  ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
