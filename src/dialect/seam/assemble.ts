/** Stands in until it is written. */
export function assemble(_route: string, events: readonly Buffer[]): Buffer {
  return Buffer.concat(events as Buffer[])
}
