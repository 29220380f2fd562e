/**
 * `${NAME}` in the text of a configuration: a value of the environment. `${NAME:-else}` has a value for where there is
 * none (or an empty one), as shells have it; `$${` stands for `${` itself.
 */
const shape = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

export type Expanded =
  | { readonly text: string; readonly problem: null }
  /** `name`: the variable that is missing; null where it makes no sense. */
  | { readonly text: null; readonly problem: { readonly name: string | null } }

export function expand(text: string, env: Readonly<Record<string, string | undefined>>): Expanded {
  let problem: { readonly name: string | null } | null = null
  const expanded = text.replace(shape, (whole: string, name: string | undefined, otherwise: string | undefined) => {
    if (whole === '$${') return '${'
    if (name === undefined) {
      problem ??= { name: null }
      return ''
    }
    const value = env[name]
    if (otherwise !== undefined) return value === undefined || value === '' ? otherwise : value
    if (value === undefined) problem ??= { name }
    return value ?? ''
  })
  return problem === null ? { text: expanded, problem: null } : { text: null, problem }
}

/** Whether there is anything to be done. */
export const isTemplate = (text: string): boolean => text.includes('${')
