/**
 * Completes package-lock.json with the packages of other platforms. A registry mirror that keeps only some platforms
 * makes npm leave the others out of the lock, and `npm ci` then refuses the lock everywhere. What is added is named by
 * the packages themselves, with an exact version; only its hash is not known here, and these are tools of development.
 *
 *     node scripts/complete-lock.ts          after `npm install` changed the lock
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './step.ts'

interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** Words in the names of platform packages, as Node and npm spell the platform. */
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** Entries that the lock should have and has not, by path. */
export function missingEntries(lock: Lock): Map<string, LockEntry> {
  const missing = new Map<string, LockEntry>()
  for (const entry of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`
      if (!lock.packages[path]) missing.set(path, toEntry(name, version, entry.dev ?? false))
    }
  }
  return missing
}

function toEntry(name: string, version: string, dev: boolean): LockEntry {
  if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${name} is wanted as "${version}", which is no exact version`)
  const words = name.split(/[/.-]/)
  const system = systems.filter((each) => words.includes(each))
  // `arm-gnueabihf` and the like are cut in two by the dash; `wasm32` packages have no processor of ours.
  const processor = processors.filter((each) => words.includes(each))
  const isMusl = words.some((word) => word.startsWith('musl'))
  return {
    version,
    cpu: processor.length > 0 ? processor : ['wasm32'],
    ...(dev ? { dev } : {}),
    ...(system.includes('linux') ? { libc: [isMusl ? 'musl' : 'glibc'] } : {}),
    optional: true,
    ...(system.length > 0 ? { os: system } : {}),
  }
}

export function readLock(): Lock {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
}

if (import.meta.main) {
  const lock = readLock()
  const missing = missingEntries(lock)
  const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) })
  packages.sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)
  writeFileSync(join(root, 'package-lock.json'), `${text}\n`)
  process.stdout.write(`${missing.size} entries added.\n`)
}
