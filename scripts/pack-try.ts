/** `npm run pack:try`: packs, installs the tarball into an empty folder, starts it there, makes one call, stops it. */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root, runStep } from './step.ts'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-try-'))
/** The machine's own Node runs npm and the command, as it will at a user's. */
const environment = { PATH: (process.env['PATH'] ?? '').split(':').filter((part) => !part.includes('node_modules')).join(':') }

async function step(name: string, program: string, args: readonly string[], at: string): Promise<void> {
  const result = await runStep(name, program, args, { folder: at, environment, timeoutMs: 180_000 })
  process.stdout.write(`${result.isGood ? 'ok  ' : 'FAIL'}  ${name.padEnd(32)} ${result.seconds.toFixed(1).padStart(5)} s\n`)
  if (!result.isGood) throw new Error(result.output.slice(-4000))
}

/** Starts the installed command and resolves with its ready line. */
function start(): { child: ReturnType<typeof spawn>; ready: Promise<{ url: string; models: string[] }> } {
  const program = join(folder, 'node_modules', '.bin', 'holdfast')
  const args = ['--lab', 'sim', '--port', '0', '--admin-port', '0']
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = new Promise<{ url: string; models: string[] }>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line))
    })
    child.once('exit', (code) => reject(new Error(`holdfast ended at its start with ${code}`)))
    setTimeout(() => reject(new Error('holdfast was not ready within 60 s')), 60_000).unref()
  })
  return { child, ready }
}

async function call(url: string, model: string): Promise<string> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 })
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`the call was answered ${answer.status}: ${text}`)
  return (JSON.parse(text) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? ''
}

function stopped(child: ReturnType<typeof spawn>): Promise<number | null> {
  const end = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  return end
}

try {
  process.stdout.write(`Trying the package in ${folder}\n`)
  await step('pack', 'npm', ['pack', '--pack-destination', folder, '--loglevel=error'], root)
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'))
  if (!tarball) throw new Error('npm pack left no tarball')
  await writeFile(join(folder, 'package.json'), '{"private":true}\n')
  await step('install into an empty folder', 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `./${tarball}`], folder)
  const startMs = performance.now()
  const { child, ready } = start()
  const { url, models } = await ready
  process.stdout.write(`ok    start                            ${((performance.now() - startMs) / 1000).toFixed(1).padStart(5)} s   ${url}\n`)
  process.stdout.write(`ok    one call                                   ${JSON.stringify(await call(url, models[0] ?? ''))}\n`)
  const code = await stopped(child)
  if (code !== 0) throw new Error(`it ended with ${code} after SIGTERM`)
  process.stdout.write('ok    stopped politely\n')
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
