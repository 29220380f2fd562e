/**
 * The page as files in a folder: only those that changed are written, each aside and then put in its place, the list of
 * all last. Whoever reads it finds whole files, and by the list whether they belong together.
 */
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PageFile } from './page-file.ts'
import { hashOf, isPagePath, readSnapshot, type Snapshot, snapshotName, snapshotOf, snapshotText } from './snapshot.ts'

/** More are not written: 500 incidents in ten languages are fewer. */
const filesMax = 8000

export class SnapshotFolder {
  readonly path: string
  /** As it is on the disk; null before the first look. */
  #written: Map<string, string> | null = null

  constructor(path: string) {
    this.path = path
  }

  /**
   * Not to be called again before it has resolved, with what is now there.
   * @throws the system's error when the disk is full or the folder cannot be written; the next call goes on from there.
   */
  async write(files: readonly PageFile[], ofMs: number): Promise<Snapshot> {
    const good = files.filter(({ path }) => isPagePath(path)).slice(0, filesMax)
    const snapshot = snapshotOf(good, ofMs)
    await this.#openFolder(this.path)
    const written = (this.#written ??= await this.#look())
    for (const [i, { path, hash }] of snapshot.files.entries()) {
      const bytes = good[i]?.bytes ?? Buffer.alloc(0)
      if (written.get(path) === hash && (await this.#isThere(path, bytes.length))) continue
      written.delete(path)
      await this.#put(path, bytes)
      written.set(path, hash)
    }
    await this.#put(snapshotName, snapshotText(snapshot))
    await this.#remove(snapshot)
    return snapshot
  }

  /** What the list says, as far as the disk bears it out. */
  async #look(): Promise<Map<string, string>> {
    const text = await readFile(join(this.path, snapshotName), 'utf8').catch(() => '')
    const known = new Map<string, string>()
    for (const { path } of (readSnapshot(text)?.files ?? []).slice(0, filesMax)) {
      const bytes = await readFile(join(this.path, path)).catch(() => null)
      known.set(path, bytes === null ? '' : hashOf(bytes))
    }
    return known
  }

  /** Somebody may have tidied up, and one file that is missing holds up all that read by the list. */
  async #isThere(path: string, size: number): Promise<boolean> {
    const found = await stat(join(this.path, path)).catch(() => null)
    return found?.isFile() === true && found.size === size
  }

  /** For everyone, whatever the mask of this process keeps others from; a folder that is there stays as it is. */
  async #openFolder(path: string): Promise<void> {
    const made = await mkdir(path, { recursive: true })
    for (let folder = path; made !== undefined && folder.startsWith(made); folder = dirname(folder))
      await chmod(folder, 0o755)
  }

  async #put(path: string, bytes: Buffer | string): Promise<void> {
    const target = join(this.path, path)
    const aside = `${target}.new`
    if (path.includes('/')) await this.#openFolder(dirname(target))
    try {
      const file = await open(aside, 'w')
      try {
        await file.writeFile(bytes)
        await file.chmod(0o644)
      } finally {
        await file.close()
      }
      await rename(aside, target)
    } catch (error) {
      // Half a file would take the room that the next attempt needs.
      await rm(aside, { force: true }).catch(() => {})
      throw error
    }
  }

  /** What is no longer listed: only what was written here. */
  async #remove({ files }: Snapshot): Promise<void> {
    const kept = new Set(files.map(({ path }) => path))
    for (const path of [...(this.#written?.keys() ?? [])]) {
      if (kept.has(path)) continue
      await rm(join(this.path, path), { force: true })
      this.#written?.delete(path)
    }
  }
}
