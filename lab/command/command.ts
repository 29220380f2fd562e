/** The contract of a subcommand of `holdfast lab`: one file each in this folder, named in the table of `../main.ts`. */

/** Thrown for a wrong command line; shown without a stack, exit status 2. */
export class UsageError extends Error {}

export interface LabCommand {
  /** The whole help text. */
  readonly help: string
  /**
   * Runs with the arguments after the subcommand's name; resolves when it is done, or when what it started runs.
   * @throws {UsageError}
   */
  run(args: readonly string[]): Promise<void>
}

/** The line that tells whoever started us that we are ready; JSON, on standard output. */
export function sayReady(fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ event: 'ready', ...fields, pid: process.pid })}\n`)
}

/**
 * Ends on SIGTERM and SIGINT, and with `isTied` when standard input ends: then a killed parent leaves nobody behind.
 */
export function endWith(close: () => Promise<void>, isTied: boolean): void {
  const end = (): void => void close().finally(() => process.exit(0))
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  if (isTied) process.stdin.once('end', end).once('error', end).resume()
}
