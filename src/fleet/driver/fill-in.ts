/** Where a replica has to listen, put into its command. */

export interface Listens {
  readonly HOST: string
  readonly PORT: string
  /** Of the replica. */
  readonly NAME: string
}

/** Replaces `${PORT}`, `${HOST}` and `${NAME}`; all else is left as it is. */
export function filledIn(words: readonly string[], listens: Listens): string[] {
  return words.map((word) => word.replaceAll(/\$\{(PORT|HOST|NAME)\}/g, (_, name: keyof Listens) => listens[name]))
}
