/** What becomes of a database that is damaged and can be done without: it is kept beside the new one. */
import { existsSync, renameSync, statSync } from 'node:fs'

/** `inode`: of the file that was found damaged; another process may have laid it aside meanwhile. */
export function layAside(path: string, inode: number | null): void {
  if (inode === null || inodeOf(path) !== inode) return
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged${suffix}`)
}

export function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null
}
