/**
 * Gets the real `llama-server` from Debian's packages without installing anything: apt resolves and fetches the package
 * with all it depends on, down to the C library, as if onto an empty machine; the packages are unpacked into one
 * folder, and a small script there starts the engine with its own loader and libraries. The machine's own package
 * lists, caches, hooks and libraries are neither used nor touched; the archive's signature is checked as in any apt
 * run.
 */
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

import { type AptSource, debianMirrors, parseListFile, parseSourcesFile } from './apt-source.ts'
import { runProgram } from './run-program.ts'

export interface UnpackOptions {
  /** Address of a Debian archive to use in place of the machine's own sources. */
  readonly mirror?: string | undefined
  /** Called with short human lines: what happens now. */
  readonly onProgress: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Releases that have the package, the calmest first. */
const suites = ['forky', 'sid']
const packageName = 'llama.cpp-tools'
const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']
/** How many mirrors of the machine are tried, each with each suite. */
const mirrorsMax = 3
const listsTimeoutMs = 120_000
const fetchTimeoutMs = 300_000
const unpackTimeoutMs = 60_000

/**
 * Fills `folder` (which must exist) with the engine and its start script `llama-server`. Throws with the reason and a
 * cure.
 */
export async function unpackFromDebian(folder: string, options: UnpackOptions): Promise<void> {
  const keyring = await firstReadable(keyrings)
  if (keyring === undefined) {
    throw new Error('there are no Debian archive keys on this machine to check packages with (debian-archive-keyring)')
  }
  const mirrors = options.mirror ? [options.mirror] : debianMirrors(await machineSources()).slice(0, mirrorsMax)
  if (mirrors.length === 0) throw new Error("this machine's apt sources name no Debian archive")
  const failures: string[] = []
  for (const mirror of mirrors) {
    for (const suite of suites) {
      const failure = await fetchPackages(folder, `deb [signed-by=${keyring}] ${mirror} ${suite} main`, options)
      if (failure === undefined) return await assemble(folder, options)
      failures.push(`${suite}: ${failure}`)
    }
  }
  throw new Error(`apt could not fetch ${packageName} (${[...new Set(failures)].join('; ')})`)
}

/** All package sources of this machine. Files that cannot be read count as empty. */
async function machineSources(): Promise<AptSource[]> {
  const parts = '/etc/apt/sources.list.d'
  const names = (await readdir(parts).catch(() => [])).map((name) => join(parts, name))
  const parsed = ['/etc/apt/sources.list', ...names].map(async (path) => {
    const text = await readFile(path, 'utf8').catch(() => '')
    if (path.endsWith('.list')) return parseListFile(text)
    return path.endsWith('.sources') ? parseSourcesFile(text) : []
  })
  return (await Promise.all(parsed)).flat()
}

/** Downloads into `folder/apt/archives`. Answers with the reason if that fails. */
async function fetchPackages(folder: string, sourceLine: string, options: UnpackOptions): Promise<string | undefined> {
  const work = join(folder, 'apt')
  await mkdir(join(work, 'lists', 'partial'), { recursive: true })
  await mkdir(join(work, 'archives', 'partial'), { recursive: true })
  await writeFile(join(work, 'installed'), '') // nothing is installed: so apt brings the C library too
  await writeFile(join(work, 'sources.list'), `${sourceLine}\n`)
  await writeFile(join(work, 'apt.conf'), await aptSettings(work, options), { mode: 0o600 })
  const apt = async (timeoutMs: number, ...commandLine: string[]): Promise<string | undefined> => {
    const environment = {
      ...process.env,
      APT_CONFIG: join(work, 'apt.conf'),
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
    }
    const result = await runProgram('apt-get', ['-q', ...commandLine], {
      environment,
      timeoutMs,
      signal: options.signal,
    })
    return result.status === 0 ? undefined : firstComplaint(result.output)
  }
  options.onProgress('reading the package lists of Debian')
  // Without Error-Mode an unreachable archive would only be a warning, and the next step would fail for a vaguer
  // reason.
  const failure = await apt(listsTimeoutMs, '-o', 'APT::Update::Error-Mode=any', 'update')
  if (failure !== undefined) return failure
  options.onProgress('fetching llama-server and its libraries (about 20 MB)')
  return await apt(fetchTimeoutMs, 'install', '--yes', '--no-install-recommends', '--download-only', packageName)
}

/**
 * A complete apt configuration of our own: of the machine's settings only those that say how to reach the network
 * (proxies, certificates, retries), so that none of its hooks run.
 */
async function aptSettings(work: string, options: UnpackOptions): Promise<string> {
  const dump = await runProgram('apt-config', ['dump'], { timeoutMs: 10_000, signal: options.signal })
  const network = dump.output.split('\n').filter((line) => /^Acquire::(?!IndexTargets|Languages)/.test(line))
  const own = {
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': join(work, 'installed'),
    'Dir::State::extended_states': join(work, 'extended'),
    'Dir::Cache::archives': join(work, 'archives'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Log': work,
    'Acquire::Retries': '1', // with more, an archive that is not there would cost half a minute
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': '', // the private folders belong to us, not to apt's own user
    'Debug::NoLocking': '1', // the system's lock guards what we do not touch; without it no root is needed
  }
  return [...network, ...Object.entries(own).map(([key, value]) => `${key} "${value}";`), ''].join('\n')
}

function firstComplaint(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  return (lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? 'no message').replace(/^E: /, '')
}

/** Unpacks what was fetched and writes the start script. */
async function assemble(folder: string, options: UnpackOptions): Promise<void> {
  options.onProgress('unpacking')
  const root = join(folder, 'root')
  const archives = join(folder, 'apt', 'archives')
  await mkdir(root, { recursive: true })
  for (const name of await readdir(archives)) {
    if (!name.endsWith('.deb')) continue
    const commandLine = ['--extract', join(archives, name), root]
    const result = await runProgram('dpkg', commandLine, { timeoutMs: unpackTimeoutMs, signal: options.signal })
    if (result.status !== 0) throw new Error(`dpkg could not unpack ${name}: ${firstComplaint(result.output)}`)
  }
  const files = (await readdir(root, { recursive: true })).map((name) => join(root, name))
  const loader = files.find((path) => /^ld-linux.*\.so\.\d+$/.test(basename(path)) && /linux-gnu|\/lib\//.test(path))
  const engine = files.find((path) => path.endsWith('/usr/bin/llama-server'))
  if (!loader || !engine) throw new Error('the packages do not hold what was expected; Debian may have rearranged them')
  await linkBackends(files, dirname(loader))
  await writeStartScript(folder, loader, engine, libraryFolders(files, dirname(loader)))
}

/**
 * The engine looks for its CPU back ends beside its own program file. Started through the loader, that is the loader,
 * so the back ends get links there.
 */
async function linkBackends(files: readonly string[], beside: string): Promise<void> {
  for (const path of files) {
    if (/\/backends[^/]*\/libggml-[^/]*\.so$/.test(path)) {
      await symlink(relative(beside, path), join(beside, basename(path)))
    }
  }
}

/** Folders with shared libraries: the loader's own first, plugins that nobody links against left out. */
function libraryFolders(files: readonly string[], first: string): string[] {
  const folders = files
    .filter(
      (path) => /\.so(\.\d+)*$/.test(path) && !/\/(gconv|engines-\d|ossl-modules|pkcs11|backends[^/]*)\//.test(path),
    )
    .map((path) => dirname(path))
  return [...new Set([first, ...folders])]
}

/** A script that finds its neighbours by its own place, so that the folder can be moved; exec keeps the process id. */
async function writeStartScript(folder: string, loader: string, engine: string, libraries: string[]): Promise<void> {
  const here = (path: string): string => `$here/${relative(folder, path)}`
  const script = [
    '#!/bin/sh',
    'here=$(cd "$(dirname "$0")" && pwd)',
    `exec "${here(loader)}" --library-path "${libraries.map(here).join(':')}" "${here(engine)}" "$@"`,
  ]
  const path = join(folder, 'llama-server')
  await writeFile(path, `${script.join('\n')}\n`)
  await chmod(path, 0o755)
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await readFile(path).catch(() => undefined)) return path
  }
  return undefined
}
