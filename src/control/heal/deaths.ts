/** What is remembered of the deaths of a replica. */
export interface Deaths {
  readonly inRow: number
  readonly atMs: number
  /** Which run of it was counted last, as its driver numbers them: by their start. */
  readonly startedMs: number
  readonly restUntilMs: number
  /** `SIGKILL`, `exit code 3`, `out of memory`, `not ready within 120000 ms`. */
  readonly how: string
  readonly lastWords: string
}
