/** A real control plane for tests, where the tools for it are: etcd, API server and controllers, no nodes. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const script = resolve(import.meta.dirname, '../../../../shared/tools/kubernetes/start.sh')
const etcdDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast', 'etcd')
const startMs = 120_000

export interface Cluster extends AsyncDisposable {
  readonly url: string
  readonly token: string
  readonly kubeconfig: string
  /** Logs come from nodes, and a real API server finds none. */
  readonly hasLogs: boolean
  isBroken?(): string | null
}

/** @throws with the reason, where there is none */
export async function openRealCluster(): Promise<Cluster> {
  // This build of the API server dies of a memory fault of its own now and then, oftener where it is not alone.
  if (process.env['HOLDFAST_REAL_CLUSTER'] !== '1') throw new Error('a real one is asked by `npm run test:cluster`')
  if (!existsSync(script)) throw new Error('the tools for a real control plane are not here')
  obtainEtcd()
  const folder = mkdtempSync(join(tmpdir(), 'hfk-'))
  const port = String(await freePorts())
  const path = `${join(etcdDir, 'usr/bin')}:${process.env['PATH']}`
  try {
    const said = execFileSync('sh', [script, folder, port], {
      env: { ...process.env, PATH: path },
      timeout: startMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [url = '', token = ''] = said.toString().trim().split(' ')
    // This build of it now and then dies of a memory fault of its own.
    const isBroken = (): string | null =>
      readPids(folder).every((pid) => tryKill(pid, 0)) ? null : 'the API server crashed'
    const close = async (): Promise<void> => await end(folder)
    return {
      url,
      token,
      kubeconfig: join(folder, 'kubeconfig'),
      hasLogs: false,
      isBroken,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await end(folder)
    throw error
  }
}

function obtainEtcd(): void {
  if (existsSync(join(etcdDir, 'usr/bin/etcd'))) return
  const work = mkdtempSync(join(tmpdir(), 'hf-etcd-'))
  try {
    execFileSync('apt-get', ['download', 'etcd-server'], { cwd: work, stdio: 'ignore', timeout: 120_000 })
    execFileSync('sh', ['-c', 'mkdir root && dpkg -x *.deb root'], { cwd: work, timeout: 60_000 })
    execFileSync('sh', ['-c', 'mkdir -p "$(dirname "$1")" && { [ -e "$1" ] || mv root "$1"; }', 'sh', etcdDir], {
      cwd: work,
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function readPids(folder: string): number[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.pid'))
  return names.map((name) => Number(readFileSync(join(folder, name), 'utf8')))
}

async function end(folder: string): Promise<void> {
  const pids = readPids(folder)
  for (const pid of pids.toReversed()) tryKill(pid)
  for (let i = 0; i < 100 && pids.some((pid) => tryKill(pid, 0)); i++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  rmSync(folder, { recursive: true, force: true })
}

function tryKill(pid: number, signal: NodeJS.Signals | 0 = 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** The first of four in a row. */
async function freePorts(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + ((process.pid * 13 + attempt * 101) % 10_000)
    const areFree = await Promise.all([0, 1, 2, 3].map((i) => isFree(first + i)))
    if (areFree.every(Boolean)) return first
  }
  throw new Error('no four free ports')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
