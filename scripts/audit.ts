/**
 * `npm run audit`: known weaknesses of what users install with us, asked of the registry. Fails for those that are high
 * or critical; where the registry cannot be asked, says so and fails for nothing.
 */
import { spawnSync } from 'node:child_process'

interface Report {
  readonly error?: { readonly summary?: string }
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly via: readonly unknown[] }>>
}

const askMs = 60_000
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: askMs })

function readReport(): Report {
  try {
    return JSON.parse(stdout) as Report
  } catch {
    return { error: { summary: 'no answer' } }
  }
}

const { error, vulnerabilities } = readReport()
if (!vulnerabilities) {
  process.stdout.write(
    `Weaknesses of dependencies: the registry could not be asked (${error?.summary || 'no reason'}).\n`,
  )
} else {
  const grave = Object.entries(vulnerabilities).filter(([, { severity }]) => /^(high|critical)$/.test(severity))
  for (const [name, { severity }] of grave) process.stdout.write(`${name}: ${severity}\n`)
  const all = Object.keys(vulnerabilities).length
  process.stdout.write(`Weaknesses of dependencies: ${all} known, ${grave.length} of them high or critical.\n`)
  if (grave.length > 0) process.exitCode = 1
}
