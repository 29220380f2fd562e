/** What becomes of a database that is damaged and can be done without: it is kept beside the new one. */
import { existsSync, renameSync, statSync } from 'node:fs'
import { isDamage } from './sqlite-file.ts'

/** `inode`: of the file that was found damaged; another process may have laid it aside meanwhile. */
export function layAside(path: string, inode: number | null): void {
  if (inode === null || inodeOf(path) !== inode) return
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged${suffix}`)
}

export function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null
}

export interface OpenAnewOptions {
  /** Default: it is damaged. */
  readonly isUseless?: (cause: unknown) => boolean
  /** Told before the new one is opened. */
  readonly onLaidAside?: (cause: unknown) => void
}

/** What `open` makes of the file; one that is useless is laid aside, and a new one opened. @throws what `open` throws */
export function openAnew<T>(path: string, open: () => T, options: OpenAnewOptions = {}): T {
  const { isUseless = isDamage, onLaidAside } = options
  try {
    return open()
  } catch (cause) {
    if (!isUseless(cause)) throw cause
    layAside(path, inodeOf(path))
    onLaidAside?.(cause)
    return open()
  }
}
