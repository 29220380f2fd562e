/** What the API server says that it takes (`/openapi/v2`), and whether an object keeps to it. */

export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly required?: readonly string[]
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

export interface OpenApi {
  readonly definitions: Readonly<Record<string, Schema>>
  /** Names of the parameters in the query, by method and path. */
  readonly queries: Readonly<Record<string, readonly string[]>>
}

interface WholeOpenApi {
  readonly definitions: Readonly<Record<string, Schema>>
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>> & Operation>>
}

/** What our objects and questions need of it, without the prose. */
export function excerptOf(whole: WholeOpenApi, roots: readonly string[], operations: readonly string[]): OpenApi {
  const definitions: Record<string, Schema> = {}
  const queue = [...roots]
  for (const name of queue) {
    if (definitions[name] || !whole.definitions[name]) continue
    definitions[name] = bare(whole.definitions[name], queue)
  }
  const queries = Object.fromEntries(
    operations.map((operation) => {
      const [method = '', path = ''] = operation.split(' ')
      const found = whole.paths[path]
      const all = [...(found?.parameters ?? []), ...(found?.[method]?.parameters ?? [])]
      return [
        operation,
        found?.[method]
          ? all
              .filter(({ in: place }) => place === 'query')
              .map(({ name }) => name)
              .toSorted()
          : [],
      ]
    }),
  )
  return { definitions, queries }
}

function bare(schema: Schema, refs: string[]): Schema {
  const { $ref, type, properties, additionalProperties, items, required } = schema
  if ($ref) refs.push($ref.slice('#/definitions/'.length))
  return {
    ...($ref ? { $ref } : {}),
    ...(type ? { type } : {}),
    ...(required ? { required } : {}),
    ...(items ? { items: bare(items, refs) } : {}),
    ...(additionalProperties ? { additionalProperties: bare(additionalProperties, refs) } : {}),
    ...(properties
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, bare(each, refs)])) }
      : {}),
  }
}

/** Everything in `value` that the schema does not have, or has otherwise; a path each. */
export function strays(api: OpenApi, schema: Schema, value: unknown, path = ''): string[] {
  if (schema.$ref) return strays(api, api.definitions[schema.$ref.slice('#/definitions/'.length)] ?? {}, value, path)
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${path}: no list`]
    return value.flatMap((each, i) => strays(api, schema.items ?? {}, each, `${path}[${i}]`))
  }
  if (schema.properties || schema.additionalProperties) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: no object`]
    const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${path}.${name}: missing`)
    const wrong = Object.entries(value).flatMap(([name, each]) => {
      const inner = schema.properties?.[name] ?? schema.additionalProperties
      return inner ? strays(api, inner, each, `${path}.${name}`) : [`${path}.${name}: unknown`]
    })
    return [...missing, ...wrong]
  }
  const isFitting: Readonly<Record<string, boolean>> = {
    string: typeof value === 'string' || isPort(path, value),
    integer: Number.isInteger(value),
    number: typeof value === 'number',
    boolean: typeof value === 'boolean',
  }
  return schema.type && !(isFitting[schema.type] ?? true) ? [`${path}: no ${schema.type}`] : []
}

/** `int-or-string` counts as a string there. */
function isPort(path: string, value: unknown): boolean {
  return /[pP]ort$/.test(path) && Number.isInteger(value)
}
