/**
 * A program of a Debian package: from the path, or unpacked into the cache without installing, so that no service is
 * started.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cache, runToEnd, wordsOf } from '../launch.ts'
import { PeerMissing } from './peer.ts'

export interface Program {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

const folder = join(cache, 'peers', 'debian')

/**
 * Finds `/usr/sbin/<name>` (or `path`) on the machine or in the cache, else downloads the package of that name and the
 * libraries it lacks.
 * @throws {PeerMissing} when there is neither the program nor apt
 */
export function debianProgram(name: string, path = `usr/sbin/${name}`): Program {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  const installed = directories.map((directory) => join(directory, basename(path))).find((path) => existsSync(path))
  if (installed !== undefined) return { command: installed, env: {} }
  const root = join(folder, name)
  const command = join(root, path)
  if (!existsSync(command)) unpack(name, root)
  if (!existsSync(command)) throw new PeerMissing(`the package ${name} has no /${path}`)
  return { command, env: { LD_LIBRARY_PATH: libraryPath(root) } }
}

function unpack(name: string, root: string): void {
  if (!existsSync('/usr/bin/apt-get'))
    throw new PeerMissing(`${name} is not installed and there is no apt-get to fetch it with`)
  mkdirSync(root, { recursive: true })
  try {
    const packages = [name, ...missingLibraries(name)]
    runToEnd('apt-get', ['download', ...new Set(packages)], root)
    for (const file of readdirSync(root).filter((entry) => entry.endsWith('.deb')))
      runToEnd('dpkg', ['-x', file, '.'], root)
  } catch (error) {
    throw new PeerMissing(
      `${name} could not be fetched with apt-get (package lists old? try apt-get update): ${wordsOf(error)}`,
    )
  }
}

/**
 * The libraries that an installation would bring along, asked by a dry run; a first failure is cured by fresh package
 * lists.
 */
function missingLibraries(name: string): string[] {
  const dryRun = (): string => runToEnd('apt-get', ['install', '--simulate', '--no-install-recommends', name])
  let plan: string
  try {
    plan = dryRun()
  } catch {
    runToEnd('apt-get', ['update'])
    plan = dryRun()
  }
  return [...plan.matchAll(/^Inst (lib(?!js-)\S+)/gm)].map((match) => match[1] ?? '')
}

function libraryPath(root: string): string {
  const base = join(root, 'usr', 'lib')
  if (!existsSync(base)) return ''
  const triplets = readdirSync(base).filter((entry) => entry.includes('-linux-gnu'))
  return triplets.map((triplet) => join(base, triplet)).join(':')
}
