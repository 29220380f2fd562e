/** Notes beside the streams, in memory. */
import type { Note, Notes } from './stream-store.ts'

export class MemoryNotes implements Notes {
  #notes = new Map<string, Note & { readonly dueMs: number | null }>()
  #version = 0

  get(key: string): Promise<Note | null> {
    return Promise.resolve(this.#notes.get(key) ?? null)
  }

  put(key: string, version: number, value: string | null, dueMs: number | null): Promise<boolean> {
    if ((this.#notes.get(key)?.version ?? 0) !== version) return Promise.resolve(false)
    if (value === null) this.#notes.delete(key)
    // Never the version of a removed note of the same key.
    else this.#notes.set(key, { version: ++this.#version, value, dueMs })
    return Promise.resolve(true)
  }

  list(prefix: string, countMax: number): Promise<readonly { key: string; version: number }[]> {
    const found = [...this.#notes]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { version }]) => ({ key, version }))
    return Promise.resolve(found.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, countMax))
  }

  due(nowMs: number, countMax: number): Promise<readonly string[]> {
    const found = [...this.#notes].flatMap(([key, { dueMs }]) =>
      dueMs !== null && dueMs <= nowMs ? [{ key, dueMs }] : [],
    )
    return Promise.resolve(
      found
        .sort((a, b) => a.dueMs - b.dueMs)
        .slice(0, countMax)
        .map(({ key }) => key),
    )
  }
}
