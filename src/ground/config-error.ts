/** What is wrong with a configuration, and how it is mended. */

/** One thing wrong with the configuration. */
export interface Problem {
  /** File and line, or the flag. */
  readonly place: string
  /** The field, as a path. */
  readonly field: string
  readonly message: string
  readonly cure: string
}

export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(
      problems
        .map(({ place, field, message, cure }) => `${place}: ${field ? `${field}: ` : ''}${message}\n    ${cure}`)
        .join('\n'),
    )
    this.name = 'ConfigError'
    this.problems = problems
  }
}
