/**
 * `npm run suites -- h2spec`: the cases of h2spec (generic, HTTP/2, HPACK) against the port that speaks TLS, of a
 * gateway in a process of its own with a certificate made for the occasion. h2spec is a program of others, in Go: it is
 * found on the path, or named, or built from a checkout of its source. What is left open, and why, is in
 * docs/guide/guards.md.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Authority, noOpenssl } from '../tls/certificates.ts'
import { type H2specReport, readH2specReport } from './h2spec-report.ts'
import { Subject } from './subject.ts'

/** Of 146; as many as nghttp2's own proxy passes, the best server that was measured. */
const passedMin = 141
const casesMin = 146
/** For one frame of an answer, before a case takes silence for a no; seconds. */
const frameTimeoutS = 2
/** Of the application. */
const answerMs = 5
const runMs = 300_000
const buildMs = 600_000

const advice = `h2spec is not here. It is a program in Go; of
    go install github.com/summerwind/h2spec/cmd/h2spec@latest
and a checkout of github.com/summerwind/h2spec one will do:
    npm run suites -- h2spec --h2spec PATH     a program that is built already (or have it on the path)
    npm run suites -- h2spec --from FOLDER     the checkout; it is built into .cache, which takes a minute`

export interface H2specOptions {
  /** The program. */
  readonly program?: string | undefined
  /** A checkout of its source. */
  readonly from?: string | undefined
}

/** @returns whether the bar is reached */
export async function runH2specSuite(options: H2specOptions): Promise<boolean> {
  if (noOpenssl !== null) return missing(noOpenssl)
  const program = await findProgram(options)
  if (program === null) return missing(advice)
  using authority = new Authority()
  const { certPath, keyPath } = authority.issue('localhost', '127.0.0.1')
  await using application = await openApplication()
  await using subject = await Subject.open({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    web: { routes: [{ app: application.url }] },
    tls: { certificates: [{ cert: certPath, key: keyPath }] },
  })
  const report = await play(program, subject.port)
  const { cases, passed } = report
  for (const line of linesOf(report)) say(line)
  say(`${passed} of ${cases} passed; the bar is ${passedMin} of ${casesMin}`)
  return cases >= casesMin && passed >= passedMin
}

/** What stands behind the gateway: it takes its time, so that frames come before the answer and not after it. */
async function openApplication(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => setTimeout(() => response.end('an answer'), answerMs))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** Null where there is none. */
async function findProgram({ program, from }: H2specOptions): Promise<string | null> {
  if (from !== undefined) return build(from)
  const named = program === undefined ? 'h2spec' : resolve(program)
  return spawnSync(named, ['--version']).status === 0 ? named : null
}

/** With the Go of this machine; what it needs comes from the module proxy. Null where it cannot be. */
async function build(from: string): Promise<string | null> {
  const folder = resolve(import.meta.dirname, '../../.cache')
  const program = join(folder, 'h2spec')
  await mkdir(folder, { recursive: true })
  const args = ['build', '-buildvcs=false', '-o', program, './cmd/h2spec']
  const made = spawnSync('go', args, { cwd: resolve(from), timeout: buildMs, encoding: 'utf8' })
  if (made.status === 0) return program
  say(made.error ? made.error.message : made.stderr.slice(-2000))
  return null
}

async function play(program: string, port: number): Promise<H2specReport> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-h2spec-'))
  const path = join(folder, 'report.xml')
  const flags = ['--host', '127.0.0.1', '--port', String(port), '--tls', '--insecure']
  flags.push('--timeout', String(frameTimeoutS), '--junit-report', path)
  try {
    const child = spawn(program, flags, { stdio: 'ignore', timeout: runMs })
    await new Promise<void>((done, fail) => child.once('error', fail).once('close', () => done()))
    return readH2specReport(await readFile(path, 'utf8'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function linesOf({ sections, failures }: H2specReport): string[] {
  return [
    ...sections.map(({ name, cases, passed }) => `${passed} of ${cases}  ${name}`),
    ...failures.map(({ section, name, expected, actual }) =>
      [`FAILED ${section}: ${name}`, `  expected ${expected}`, `  got      ${actual}`].join('\n'),
    ),
  ]
}

function missing(why: string): false {
  say(why)
  return false
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
