/**
 * From a file, and those that it includes, to a configuration. The only reader of YAML. What is wrong is told with the
 * file and the line where it stands.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isPair, isScalar, LineCounter, parse, parseDocument, stringify, visit } from 'yaml'
import { checkConfig, type Config, type Locate } from './config.ts'
import { ConfigError } from './ground/config-error.ts'
import { expand, isTemplate } from './ground/expand.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Files that one may be made of. */
const filesMax = 100

/** One file as it stands. */
interface Part {
  readonly path: string
  readonly document: Document
  readonly lines: LineCounter
}

export interface ConfigFile {
  readonly config: Config
  /** All that it was made of, itself first. */
  readonly paths: readonly string[]
}

/** @throws {ConfigError} with every problem that was found. */
export function readConfigFile(path: string, env: Env): Config {
  return readConfigFiles(path, env).config
}

/** @throws {ConfigError} with every problem that was found. */
export function readConfigFiles(path: string, env: Env): ConfigFile {
  const parts: Part[] = []
  const input = readPart(path, env, parts, [])
  const locate: Locate = (field) => {
    const [best = parts[0]] = parts.toSorted((a, b) => depthOf(b, field) - depthOf(a, field))
    return best ? `${best.path}:${lineOf(best, field)}` : path
  }
  return { config: checkConfig(input, locate), paths: parts.map((part) => part.path) }
}

/** As a file would say it; long values stay on their line. */
export function writeYaml(value: object): string {
  return stringify(value, { lineWidth: 0 })
}

/**
 * Keys inside keys inside keys (`? ? ? …`), for which the reader of YAML takes time by the third power and more: 1 KB
 * of them takes seconds. Nobody means them.
 */
const keysInKeys = /(?:\?[ \t]+(?:[&!-][^\s?]*[ \t]+)?){9}/
const keysInKeysWords = 'keys (`?`) are nested too deep'

/** Values of any YAML, unchecked. @throws {Error} when it is none. */
export function readYaml(text: string): unknown {
  if (keysInKeys.test(text)) throw new Error(keysInKeysWords)
  return parse(text, { maxAliasCount: 100 })
}

/** `way`: the files that led here. */
function readPart(path: string, env: Env, parts: Part[], way: readonly string[]): unknown {
  const own = resolve(path)
  if (way.includes(own)) throw problem(path, 'includes itself', `It goes ${[...way, own].join(' → ')}.`)
  if (parts.length >= filesMax) throw problem(path, `more than ${filesMax} files`, 'Join some of them.')
  const lines = new LineCounter()
  const text = readText(path)
  if (keysInKeys.test(text)) throw problem(path, keysInKeysWords, 'Write them as plain names.')
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.slice(0, 10).map((error) => ({
        place: `${path}:${lines.linePos(error.pos[0]).line}`,
        field: '',
        message: error.message,
        cure: 'The file is not valid YAML at this place: check indentation, colons and quotes.',
      })),
    )
  }
  const part = { path, document, lines }
  parts.push(part)
  expandAll(part, env)
  const value = valueOf(part)
  const included = includesOf(value).map((pattern) => readIncluded(pattern, part, { env, parts, way: [...way, own] }))
  return [...included.flat(), value].reduce(join)
}

/** All files that one pattern means, in the order of their names. */
function readIncluded(
  pattern: string,
  { path, document, lines }: Part,
  { env, parts, way }: { env: Env; parts: Part[]; way: readonly string[] },
): unknown[] {
  const base = dirname(resolve(path))
  const isPattern = /[*?[]/.test(pattern)
  const names = isPattern ? globSync(pattern, { cwd: base }).sort() : [pattern]
  const place = `${path}:${lineOf({ path, document, lines }, ['include'])}`
  return names.map((name) => {
    const file = resolve(base, name)
    // As the file is named: whoever reads the problem looks for it from the same folder.
    const shown = path === resolve(path) ? file : name.startsWith('/') ? name : `${dirname(path)}/${name}`
    try {
      return readPart(shown.replace(/^\.\//, ''), env, parts, way)
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown
      const [first] = thrown.problems
      if (first?.message !== noFile) throw thrown
      throw problem(place, `there is no file ${name} to be included`, 'Check the path; it is relative to this file.')
    }
  })
}

function includesOf(value: unknown): string[] {
  const { include } = (value ?? {}) as { include?: unknown }
  return Array.isArray(include) ? include.filter((each) => typeof each === 'string') : []
}

/** Maps are joined; of everything else the later one counts. */
function join(before: unknown, after: unknown): unknown {
  if (!isPlain(before) || !isPlain(after)) return after ?? before
  const joined: Record<string, unknown> = Object.assign(Object.create(null), before)
  for (const [name, value] of Object.entries(after)) joined[name] = name in joined ? join(joined[name], value) : value
  return joined
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const noFile = 'there is no such file'

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw problem(path, code === 'ENOENT' ? noFile : message, 'Check the path given with --config.')
  }
}

/** In `deployments` these are filled in for each replica, when it is started. */
const ofReplicas: Env = { PORT: '${PORT}', HOST: '${HOST}', NAME: '${NAME}' }

/** Values of the environment in the place of `${NAME}`. What it stands alone for may be a number, or true. */
function expandAll({ path, document, lines }: Part, env: Env): void {
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !isTemplate(node.value)) return
      const top = ancestors.find((each) => isPair(each))
      const isOfReplica = isPair(top) && isScalar(top.key) && top.key.value === 'deployments'
      const { text, problem: wrong } = expand(node.value, isOfReplica ? { ...env, ...ofReplicas } : env)
      if (wrong) {
        const place = `${path}:${lines.linePos(node.range?.[0] ?? 0).line}`
        if (wrong.name === null)
          throw problem(place, 'this `${` makes no sense', 'Write `${NAME}` or `${NAME:-else}`; `$${` stands for `${`.')
        const cure = `Set it, or write \`\${${wrong.name}:-else}\`; \`$\${\` stands for \`\${\`.`
        throw problem(place, `there is no ${wrong.name} in the environment`, cure)
      }
      const isAlone = /^\$\{[^}]*\}$/.test(node.value) && (node.type === undefined || node.type === 'PLAIN')
      node.value = isAlone ? scalarOf(text ?? '') : text
    },
  })
}

/** Text stays text, but for what YAML would take for a number or for true and false. */
function scalarOf(text: string): string | number | boolean {
  return /^(true|false|-?\d{1,15}(\.\d{1,15})?)$/.test(text) ? (JSON.parse(text) as number | boolean) : text
}

/** @throws {ConfigError} for aliases of YAML that lead nowhere, or beyond all measure. */
function valueOf({ path, document }: Part): unknown {
  try {
    return document.toJS() ?? {}
  } catch (error) {
    throw problem(path, (error as Error).message, 'Write the values out instead of using aliases (`*name`).')
  }
}

function problem(place: string, message: string, cure: string): ConfigError {
  return new ConfigError([{ place, field: '', message, cure }])
}

interface Item {
  key?: { value?: unknown; range?: number[] }
  range?: number[]
}

function itemAt(document: Document, path: readonly PropertyKey[]): Item | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const items = (parent as { items?: Item[] } | undefined)?.items
  const last = path.at(-1)
  if (typeof last === 'number') return items?.[last]
  return isMap(parent) ? items?.find(({ key }) => isScalar(key) && key.value === last) : undefined
}

/** How much of a path there is in a file. */
function depthOf({ document }: Part, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) if (itemAt(document, path.slice(0, length))) return length
  return 0
}

/** The line of the deepest part of a path that exists. */
function lineOf({ document, lines }: Part, path: readonly PropertyKey[]): number {
  const item = itemAt(document, path.slice(0, depthOf({ document } as Part, path)))
  const at = item?.key?.range?.[0] ?? item?.range?.[0]
  return at === undefined ? 1 : lines.linePos(at).line
}
