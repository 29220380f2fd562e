/** A Docker engine for tests: Debian's, unpacked into a cache folder and started, nothing installed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const packages = ['docker.io', 'containerd', 'runc', 'tini']
const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast', 'docker-engine')
const readyMs = 20_000
const stopMs = 10_000

export interface TestEngine extends AsyncDisposable {
  readonly host: string
  /** A request without a library, for what only tests need. */
  ask(method: string, path: string, body?: Buffer | string): Promise<{ status: number; text: string }>
  /** Ends the engine and starts it again; containers end with it. */
  kill(): Promise<void>
  restart(): Promise<void>
}

/** @throws with the reason, where there can be none */
export async function openTestEngine(): Promise<TestEngine> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('an engine of our own needs Linux and root')
  obtain()
  // Short: the engine's own sockets lie in it.
  const folder = mkdtempSync(join(tmpdir(), 'hfd-'))
  const socket = join(folder, 's')
  let child = await launch(folder, socket)
  const kill = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode !== null || child.signalCode !== null || !child.kill('SIGTERM')) return
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await gone
    clearTimeout(late)
  }
  const ask: TestEngine['ask'] = (method, path, body) => askSocket(socket, { method, path, body })
  return {
    host: `unix://${socket}`,
    ask,
    kill,
    restart: async () => {
      child = await launch(folder, socket)
    },
    [Symbol.asyncDispose]: async () => {
      await removeAll(ask).catch(() => {})
      await kill()
      for (const mount of mountsBelow(folder)) execFileSync('umount', ['-l', mount], { stdio: 'ignore' })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function obtain(): void {
  if (existsSync(join(cacheDir, 'usr/sbin/dockerd'))) return
  const work = mkdtempSync(join(tmpdir(), 'hf-docker-'))
  try {
    execFileSync('apt-get', ['download', ...packages], { cwd: work, stdio: 'ignore', timeout: 120_000 })
    execFileSync('sh', ['-c', 'mkdir root && for deb in *.deb; do dpkg -x "$deb" root; done'], {
      cwd: work,
      timeout: 60_000,
    })
    mkdirSync(join(cacheDir, '..'), { recursive: true })
    // Another test may have been faster.
    if (!existsSync(cacheDir)) execFileSync('mv', [join(work, 'root'), cacheDir])
  } catch (error) {
    throw new Error(`Debian's packages of Docker cannot be had: ${(error as Error).message.split('\n')[0]}`, {
      cause: error,
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function launch(folder: string, socket: string): Promise<ChildProcess> {
  const path = [join(cacheDir, 'usr/bin'), join(cacheDir, 'usr/sbin'), process.env['PATH']].join(':')
  const flags = [
    ...['-H', `unix://${socket}`, '--data-root', join(folder, 'd'), '--exec-root', join(folder, 'r')],
    ...['--pidfile', join(folder, 'pid'), '--iptables=false', '--bridge=none', '--default-ulimit', 'nofile=1024:1024'],
  ]
  const child = spawn(join(cacheDir, 'usr/sbin/dockerd'), flags, {
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-4096)))
  const endMs = Date.now() + readyMs
  while (Date.now() < endMs && child.exitCode === null) {
    const answer = await askSocket(socket, { method: 'GET', path: '/_ping' }).catch(() => null)
    if (answer?.status === 200) return child
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  child.kill('SIGKILL')
  throw new Error(`the engine does not start: ${said.trim().split('\n').at(-1)}`)
}

async function removeAll(ask: TestEngine['ask']): Promise<void> {
  const containers = JSON.parse((await ask('GET', '/containers/json?all=1')).text) as { Id: string }[]
  for (const { Id } of containers) await ask('DELETE', `/containers/${Id}?force=1&v=1`)
  const networks = JSON.parse((await ask('GET', '/networks')).text) as { Name: string; Driver: string }[]
  for (const { Name, Driver } of networks) if (Driver === 'bridge') await ask('DELETE', `/networks/${Name}`)
}

function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${folder}/`))
    .toReversed()
}

function askSocket(
  socketPath: string,
  { method, path, body }: { method: string; path: string; body?: Buffer | string | undefined },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const type = typeof body === 'string' ? 'application/json' : 'application/x-tar'
    const sent = request({ socketPath, method, path, headers: body ? { 'content-type': type } : {} }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString() }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
