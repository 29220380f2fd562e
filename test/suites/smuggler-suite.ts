/**
 * `npm run suites -- smuggler --from FOLDER`: defparam/smuggler, a program of others in Python, from a checkout of it:
 * its default, doubles and exhaustive sets against a gateway of its own, over plain TCP and over TLS. A finding of its
 * own counts, and so does whatever odd arrives at the model server meanwhile.
 */
import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { openTestHouse } from '../http/harness.ts'
import { Authority, material, noOpenssl } from '../tls/certificates.ts'
import { RecordingUpstream } from './recording-upstream.ts'

const sets = ['default', 'doubles', 'exhaustive'] as const
/** Names of what is tried, over all sets. */
const triedMin = 1700
/** It takes this long without an answer for a sign; seconds. */
const timeoutS = 3
const setMs = 600_000

const advice = `defparam/smuggler is not here. Of a checkout of github.com/defparam/smuggler:
    npm run suites -- smuggler --from FOLDER`

/** @returns whether nothing was found */
export async function runSmugglerSuite(from: string | undefined): Promise<boolean> {
  const program = from === undefined ? '' : join(resolve(from), 'smuggler.py')
  if (from === undefined || !(await isThere(program))) return missing(advice)
  if (noOpenssl !== null) return missing(noOpenssl)
  await using upstream = await RecordingUpstream.open()
  const settings = { upstreams: { only: { url: upstream.url, kind: 'llamacpp' as const, models: ['m'] } } }
  using authority = new Authority()
  await using plain = await openTestHouse(settings)
  await using secure = await openTestHouse(settings, material([authority.issue('localhost')]))
  const findings: string[] = []
  let tried = 0
  for (const [over, base] of [
    ['TCP', `http://127.0.0.1:${plain.port}`],
    ['TLS', `https://127.0.0.1:${secure.port}`],
  ] as const)
    for (const set of sets) {
      const beganMs = performance.now()
      const { names, found } = await play(program, set, `${base}/v1/chat/completions`)
      tried += names
      findings.push(...found.map((line) => `${set} over ${over}: ${line}`))
      const tookS = ((performance.now() - beganMs) / 1000).toFixed(1)
      say(`${set} over ${over}: ${names} mutations, twice each, ${found.length} findings, ${tookS} s`)
    }
  findings.push(...upstream.oddities.map((what) => `at the model server: ${what}`))
  findings.push(...upstream.requests.map(({ head }) => `at the model server: ${JSON.stringify(head)}`))
  for (const each of findings.slice(0, 100)) say(`FOUND ${each}`)
  say(`${tried} mutations, ${findings.length} findings`)
  return findings.length === 0 && tried >= triedMin
}

interface Outcome {
  readonly names: number
  readonly found: readonly string[]
}

/** Every mutation gets a line `[name] : what came of it`. */
async function play(program: string, set: string, url: string): Promise<Outcome> {
  const args = [program, '--no-color', '-u', url, '-c', `${set}.py`, '-t', String(timeoutS)]
  const child = spawn('python3', args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: setMs })
  const found: string[] = []
  let names = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const said = line.split('\r').at(-1)?.trim() ?? ''
    if (/OK \(|DISCONNECTED|SOCKET ERROR|TIMEOUT ON BOTH|Issue Found/.test(said)) names++
    if (/Issue Found|CRITICAL|TIMEOUT ON BOTH|SOCKET ERROR|Unable to connect/.test(said)) found.push(said)
  }
  return { names, found }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function missing(why: string): false {
  say(why)
  return false
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
