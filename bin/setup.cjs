/**
 * `npm start`, `npm test` and `npm run check` on a machine that has only Node 20 and npm: installs what is missing,
 * then hands over to Node 26. Plain CommonJS, since it runs before anything is installed.
 *
 *     node bin/setup.cjs start|test|check -- arguments
 */
'use strict'
const { join } = require('node:path')
const { install, whatToInstall } = require('./install.cjs')
const { launch } = require('./launch.cjs')
const { requireNode } = require('./node26.cjs')

const root = join(__dirname, '..')

/** What each command runs, and whether it needs the development dependencies. */
const commands = {
  start: { script: ['src', 'cli', 'holdfast.ts'], before: ['run'], isDev: false },
  test: { script: ['scripts', 'test.ts'], before: [], isDev: true },
  check: { script: ['scripts', 'check.ts'], before: [], isDev: true },
}

const [what, ...rest] = process.argv.slice(2)
const command = commands[what]
if (!command) {
  process.stderr.write('usage: node bin/setup.cjs start|test|check -- arguments\n')
  process.exit(2)
}
const handOver = () => {
  const args = rest[0] === '--' ? rest.slice(1) : rest
  launch(requireNode(root), [join(root, ...command.script), ...command.before, ...args])
}
const missing = whatToInstall(root, command.isDev)
if (missing) install(root, missing.isDev, handOver)
else handOver()
