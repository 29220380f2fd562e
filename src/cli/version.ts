/** The version of this installation, from its package.json. */
import { readFileSync } from 'node:fs'

export function version(): string {
  // Beside src/ in a checkout, one higher in the compiled package.
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version
    } catch {
      // Try the next place.
    }
  }
  return 'unknown'
}
