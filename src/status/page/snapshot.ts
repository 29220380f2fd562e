/** The list of all files of the page at one moment; whoever serves the folder reads it first. */
import { createHash } from 'node:crypto'
import type { PageFile } from './page-file.ts'

export const snapshotName = 'snapshot.json'
const format = 1

export interface Listed {
  readonly path: string
  readonly contentType: string
  /** Of the bytes, in letters that may stand in an `ETag`. */
  readonly hash: string
}

export interface Snapshot {
  /** Another one when anything is different. */
  readonly version: string
  /** When its figures were taken, milliseconds since 1970. */
  readonly ofMs: number
  readonly files: readonly Listed[]
}

/** Nothing that leads out of the folder, and nothing hidden. */
export const isPagePath = (path: string): boolean =>
  path.length <= 200 && /^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*$/.test(path) && path !== snapshotName

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 16)
}

export function snapshotOf(files: readonly PageFile[], ofMs: number): Snapshot {
  const listed = files.map(({ path, contentType, bytes }) => ({ path, contentType, hash: hashOf(bytes) }))
  const version = hashOf(Buffer.from(listed.map(({ path, hash }) => `${path} ${hash}`).join('\n')))
  return { version, ofMs, files: listed }
}

export function snapshotText(snapshot: Snapshot): string {
  return JSON.stringify({ format, ...snapshot })
}

/** Null for what is none: a file that was cut off, or is of another kind. */
export function readSnapshot(text: string): Snapshot | null {
  try {
    const value = JSON.parse(text) as Partial<Snapshot & { format: number }> | null
    if (value?.format !== format || typeof value.version !== 'string' || typeof value.ofMs !== 'number') return null
    if (!Array.isArray(value.files)) return null
    const files = value.files.filter(
      (each: Partial<Listed>) =>
        typeof each.path === 'string' &&
        isPagePath(each.path) &&
        typeof each.contentType === 'string' &&
        /^[\x20-\x7e]{1,100}$/.test(each.contentType) &&
        /^[\w-]{1,64}$/.test(String(each.hash)),
    )
    return { version: value.version, ofMs: value.ofMs, files }
  } catch {
    return null
  }
}
