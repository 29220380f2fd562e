/** How a bench is called: its options, checked or refused in words, and its usage. */
import { parseArgs } from 'node:util'

/** Progress; results alone are on the standard output. */
export const say = (words: string): void => void process.stderr.write(`${words}\n`)

/** An option with a value. */
export const text = { type: 'string' } as const
/** One without. */
export const flag = { type: 'boolean', default: false } as const

type Options = Readonly<Record<string, typeof text | typeof flag>>
type Named<O extends Options, Kind> = { [Name in keyof O]: O[Name] extends Kind ? Name : never }[keyof O] & string

/** The arguments of this process. `--help` is answered with the usage, what makes no sense with words; both end it. */
export class Command<const O extends Options> {
  #usage: string
  #values: Readonly<Record<string, unknown>>

  constructor(usage: string, options: O, args = process.argv.slice(2)) {
    this.#usage = usage
    this.#values = this.#read({ ...options, help: flag }, args)
    if (this.#values['help'] !== true) return
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }

  /** Ends the process with these words and the usage. */
  refuse(words: string): never {
    say(`${words}\n\n${this.#usage}`)
    process.exit(2)
  }

  is(name: Named<O, typeof flag>): boolean {
    return this.#values[name] === true
  }

  text(name: Named<O, typeof text>): string | undefined {
    return this.#values[name] as string | undefined
  }

  /** From `min` to `max`, both included. */
  number(name: Named<O, typeof text>, fallback: number, min: number, max: number): number {
    const value = Number(this.text(name) ?? fallback)
    return value >= min && value <= max ? value : this.refuse(`--${name} is a number from ${min} to ${max}`)
  }

  count(name: Named<O, typeof text>, fallback: number, min: number, max: number): number {
    const value = this.number(name, fallback, min, max)
    return Number.isInteger(value) ? value : this.refuse(`--${name} is a whole number`)
  }

  oneOf<T extends string>(name: Named<O, typeof text>, choices: readonly T[], fallback: T): T {
    return this.#choice(name, this.text(name) ?? fallback, choices)
  }

  /** Some of the choices, separated by commas, in the order of the choices. */
  listOf<T extends string>(name: Named<O, typeof text>, choices: readonly T[], fallback: readonly T[]): T[] {
    const asked: readonly T[] =
      this.text(name)
        ?.split(',')
        .map((each) => this.#choice(name, each, choices)) ?? fallback
    return choices.filter((each) => asked.includes(each))
  }

  #choice<T extends string>(name: string, asked: string, choices: readonly T[]): T {
    return (
      choices.find((each) => each === asked) ?? this.refuse(`--${name}: "${asked}" is none of ${choices.join(', ')}`)
    )
  }

  #read(options: Options, args: string[]): Readonly<Record<string, unknown>> {
    try {
      return parseArgs({ options, args }).values
    } catch (error) {
      return this.refuse((error as Error).message)
    }
  }
}
