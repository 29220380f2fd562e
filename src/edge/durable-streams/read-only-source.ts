/** What can be read as a stream but is written elsewhere, such as an answer in the journal under its ray. */

export interface ReadOnlyStream {
  readonly contentType: string
  /** From event number `from` on (0 is the first), as many as fit into `bytesMax` and at least one. Null: forgotten. */
  read(from: number, bytesMax: number): Promise<ReadOnlySlice | null>
  /** Calls back when there may be more to read, or an end; until disposed of. */
  onChange(listener: () => void): Disposable
}

/** As it was at one moment. */
export interface ReadOnlySlice {
  readonly events: readonly Buffer[]
  /** How many events there are in all. */
  readonly count: number
  /** There will be no more than `count`. */
  readonly isClosed: boolean
}

/** Null when there is none of this name for this caller. It is asked for every request, so it should know fast. */
export type ReadOnlySource = (caller: string, name: string) => Promise<ReadOnlyStream | null>
