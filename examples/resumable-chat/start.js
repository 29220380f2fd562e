/** `npm start`: installs what is missing, then starts the server. In a checkout of Holdfast nothing may be missing. */
// @ts-check
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

const isThere = (/** @type {string} */ name) => {
  try {
    return Boolean(import.meta.resolve(name))
  } catch {
    return false
  }
}

if (!Object.keys(dependencies).every(isThere)) {
  process.stdout.write('Installing what the example needs …\n')
  const cwd = import.meta.dirname
  const { status } = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    stdio: 'inherit',
    shell: true,
  })
  if (status !== 0) process.exit(status ?? 1)
}
await import('./server.js')
