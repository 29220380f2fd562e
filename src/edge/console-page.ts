/**
 * The console's files on the operators' port. The package brings them built; in a checkout the sources themselves are
 * served, each a module of its own with its types stripped, so that `npm start` needs no build and no tool for one.
 * They hold nothing secret: what the console shows it asks for, with the token where there is one.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { gzipSync } from 'node:zlib'

const base = '/console/'
const sources = new URL('../../web/console/', import.meta.url)
/** Beside the compiled `src/`, in `dist/`. */
const built = new URL('../../console/', import.meta.url)

/** The libraries that the console's modules import, and where they are asked for when nothing is built. */
const libraries: Readonly<Record<string, string>> = {
  preact: 'preact.js',
  'preact/hooks': 'preact-hooks.js',
  '@preact/signals': 'signals.js',
  '@preact/signals-core': 'signals-core.js',
  htm: 'htm.js',
  'htm/preact': 'htm-preact.js',
  'uplot/dist/uPlot.esm.js': 'uplot.js',
}
const libraryFiles = new Map(Object.entries(libraries).map(([name, file]) => [`lib/${file}`, name]))

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  ts: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Nothing from elsewhere, and no script but the console's own files. */
const policy = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

const headers = [
  ...['content-security-policy', policy, 'x-content-type-options', 'nosniff', 'referrer-policy', 'no-referrer'],
  ...['vary', 'accept-encoding'],
]

/** Names of files as we give them: nothing that leads out of the folder. */
const fileName = /^(?:[\w-]+\/)*[\w-]+\.(html|css|js|ts|svg)$/

interface ConsoleFile {
  readonly type: string
  readonly bytes: Buffer
  readonly gzipped: Buffer
}

/** What does not change while this process lives; as many as the package has files and libraries. */
const kept = new Map<string, ConsoleFile>()

/** Answers if the path is the console's; `path` has no query. */
export function answerConsole(path: string, { headers: asked }: IncomingMessage, response: ServerResponse): boolean {
  if (path === '/' || path === '/console') {
    response.writeHead(302, { location: base, 'content-length': '0' }).end()
    return true
  }
  const name = path.startsWith(base) ? path.slice(base.length) || 'index.html' : ''
  const file = fileName.test(name) ? readFile(name) : null
  if (!file) return false
  const isZipped = /\bgzip\b/.test(asked['accept-encoding'] ?? '')
  const bytes = isZipped ? file.gzipped : file.bytes
  response.writeHead(200, [
    ...['content-type', file.type, 'content-length', String(bytes.length), ...headers],
    // Names of built files change with what is in them.
    ...['cache-control', name.startsWith('assets/') ? 'max-age=31536000, immutable' : 'no-store'],
    ...(isZipped ? ['content-encoding', 'gzip'] : []),
  ])
  response.end(bytes)
  return true
}

function readFile(name: string): ConsoleFile | null {
  const known = kept.get(name)
  if (known) return known
  const isSource = existsSync(sources)
  const library = isSource ? libraryFiles.get(name) : undefined
  const text = library === undefined ? readText(new URL(name, isSource ? sources : built)) : readLibrary(library)
  if (text === null) return null
  const script = isSource && name.endsWith('.ts') ? stripTypes(text) : text
  const bytes = Buffer.from(isSource ? withPaths(script, name) : script)
  const file = { type: types[name.split('.').pop() ?? ''] ?? '', bytes, gzipped: gzipSync(bytes) }
  // Whoever works on the console sees changes at a reload.
  if (!isSource || library !== undefined) kept.set(name, file)
  return file
}

/** Operators need not hear that the engine calls this an experiment: so it runs the whole checkout. */
function stripTypes(text: string): string {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

function readText(url: URL): string | null {
  try {
    return readFileSync(url, 'utf8')
  } catch {
    return null
  }
}

function readLibrary(name: string): string | null {
  // What points to a map would make the browser's tools ask for it.
  return readText(new URL(import.meta.resolve(name)))?.replace(/^\/\/# sourceMappingURL=.*$/m, '') ?? null
}

/** Browsers do not know where packages are: their names become paths. */
function withPaths(text: string, name: string): string {
  if (name.endsWith('.html')) return text
  return text.replace(/(\bfrom\s*|\bimport\s*)(["'])([@\w./-]+)\2/g, (all, word: string, quote: string, to: string) =>
    to in libraries ? `${word}${quote}${base}lib/${libraries[to]}${quote}` : all,
  )
}
