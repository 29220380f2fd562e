/** Programs of Debian's packages for tests: found or fetched, else the reason why not. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { debianProgram, type Program } from '../../bench/peer/debian-program.ts'

export function findProgram(name: string, path: string): Program | string {
  try {
    return debianProgram(name, path)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Words to put before the command of a program that wants this file of its package at the place it would be installed
 * to: where it is only unpacked, the files of the package are laid over /usr/share for that process alone.
 */
export function withShare({ command }: Program, file: string): readonly string[] | string {
  if (existsSync(file)) return []
  const share = join(command, '../../share')
  const script = `mount -t overlay overlay -o "lowerdir=${share}:/usr/share" /usr/share && exec "$0" "$@"`
  const words = ['unshare', '--map-root-user', '--mount', 'sh', '-c', script]
  const [unshare = '', ...args] = words
  const isGood = spawnSync(unshare, [...args, 'test', '-f', file]).status === 0
  return isGood ? words : `${file} is not there, and no mount of our own is allowed`
}
