/** The repository as the house rules see it: files, lines, imports. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export const root: string = dirname(dirname(import.meta.dirname))

export interface Import {
  /** Path under the repository, or the name of a package or of a Node module. */
  readonly to: string
  readonly line: number
  readonly isTypeOnly: boolean
  /** By `import()`: loaded where it is needed. */
  readonly isLazy?: boolean
}

export interface Source {
  /** Path under the repository, with forward slashes. */
  readonly path: string
  readonly lines: readonly string[]
  readonly imports: readonly Import[]
}

/** A broken rule, as the test prints it. */
export type Violation = string

/**
 * Files that git tracks or would track, so that nothing generated counts; without git, all but the generated folders.
 */
export function repositoryFiles(): string[] {
  return [...new Set(listedFiles())].filter((path) => path !== '' && isThere(path))
}

function listedFiles(): string[] {
  // The folder may belong to somebody else (a container, a mount), which git refuses unless told that it is all right.
  const args = ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard']
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio }).split('\n')
  } catch {
    const generated = /^(node_modules|dist|\.git|\.cache|\.holdfast)(\/|$)|\.(tgz|log)$/
    return readdirSync(root, { withFileTypes: true })
      .filter(({ name }) => !generated.test(name))
      .flatMap((entry) =>
        entry.isDirectory()
          ? readdirSync(join(root, entry.name), { recursive: true, encoding: 'utf8' }).map((name) =>
              join(entry.name, name).replaceAll('\\', '/'),
            )
          : [entry.name],
      )
  }
}

function isThere(path: string): boolean {
  try {
    readFileSync(join(root, path))
    return true
  } catch {
    return false
  }
}

export function readLines(path: string): string[] {
  return readFileSync(join(root, path), 'utf8').split('\n')
}

const statement = /(?:^|\n)[ \t]*(import|export)(\s+type)?\b([^;'"`]*?\bfrom\s*)?\s*\(?\s*['"]([^'"\n]+)['"]/g
const dynamic = /\bimport\(\s*['"]([^'"\n]+)['"]/g

export function readSource(path: string): Source {
  return parseSource(path, readFileSync(join(root, path), 'utf8'))
}

export function parseSource(path: string, text: string): Source {
  const lineOf = (index: number): number => text.slice(0, index).split('\n').length
  const imports: Import[] = []
  for (const match of text.matchAll(statement)) {
    if (match[1] === 'export' && !match[3]) continue
    const at = match.index + (match[0].startsWith('\n') ? 1 : 0)
    imports.push({
      to: resolve(path, match[4] ?? ''),
      line: lineOf(at),
      isTypeOnly: match[2] !== undefined || isOnlyTypes(match[3] ?? ''),
    })
  }
  for (const match of text.matchAll(dynamic))
    imports.push({ to: resolve(path, match[1] ?? ''), line: lineOf(match.index), isTypeOnly: false, isLazy: true })
  return { path, lines: text.split('\n'), imports }
}

/** `import { type A, type B } from` brings nothing at run time. */
function isOnlyTypes(clause: string): boolean {
  const names =
    /\{([^}]*)\}/
      .exec(clause)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean) ?? []
  return names.length > 0 && names.every((name) => name.startsWith('type ')) && /^\s*\{/.test(clause)
}

function resolve(from: string, to: string): string {
  return to.startsWith('.') ? normalize(join(dirname(from), to)).replaceAll('\\', '/') : to
}

/** Lines with strings, templates and comments blanked, so that words in them are not taken for code. */
export function codeLines(lines: readonly string[]): string[] {
  let isComment = false
  return lines.map((line) => {
    let code = ''
    for (let i = 0; i < line.length; i++) {
      if (isComment) {
        if (line.startsWith('*/', i)) {
          isComment = false
          i++
        }
        continue
      }
      if (line.startsWith('/*', i)) isComment = true
      else if (line.startsWith('//', i)) break
      else if (line[i] === "'" || line[i] === '"' || line[i] === '`') i = endOfString(line, i)
      else code += line[i]
    }
    return code
  })
}

function endOfString(line: string, start: number): number {
  for (let i = start + 1; i < line.length; i++) {
    if (line[i] === '\\') i++
    else if (line[i] === line[start]) return i
  }
  return line.length
}
