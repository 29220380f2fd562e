/** What the control process keeps across restarts: plain JSON by the part that writes it. Small, and of one writer. */
export interface Notebook {
  /** Null where nothing was kept, or nothing that can be read. */
  read(part: string): unknown
  /** Never throws: what could not be kept is tried again with the next change. */
  write(part: string, value: unknown): void
}
