/**
 * The programs of Debian's package `prometheus`, from the path, or unpacked into the cache without installing. Both are
 * linked statically: they need no libraries.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cache, runToEnd } from '../../bench/launch.ts'

const folder = join(cache, 'peers', 'debian', 'prometheus')

/** Where it is, or the words why it cannot be had. */
export function prometheusProgram(name: 'prometheus' | 'promtool'): { path: string } | { reason: string } {
  const folders = [...(process.env['PATH'] ?? '').split(':'), join(folder, 'usr', 'bin')]
  const find = (): string | undefined => folders.map((each) => join(each, name)).find((path) => existsSync(path))
  const found = find()
  if (found !== undefined) return { path: found }
  if (!existsSync('/usr/bin/apt-get'))
    return { reason: `${name} is not installed, and there is no apt-get to fetch it` }
  try {
    mkdirSync(folder, { recursive: true })
    runToEnd('apt-get', ['download', 'prometheus'], folder)
    for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.deb')))
      runToEnd('dpkg', ['-x', file, '.'], folder)
  } catch (error) {
    return { reason: `${name} could not be fetched: ${String(error).slice(0, 300)}` }
  }
  const fetched = find()
  return fetched === undefined ? { reason: `the package prometheus has no ${name}` } : { path: fetched }
}
