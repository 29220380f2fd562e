/**
 * `npm start`, `npm test` and `npm run check` on a machine that has only Node 20 and npm: installs what is missing, then
 * hands over to Node 26. Plain CommonJS, since it runs before anything is installed.
 *
 *     node bin/setup.cjs start|test|check -- arguments
 */
'use strict'
const { spawn } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { launch } = require('./launch.cjs')
const { findNode, majorMin } = require('./node26.cjs')

const root = join(__dirname, '..')
const [what, ...rest] = process.argv.slice(2)
const args = rest[0] === '--' ? rest.slice(1) : rest

/** What each command runs, and whether it needs the development dependencies. */
const commands = {
  start: { script: ['src', 'cli', 'holdfast.ts'], before: ['run'], isDev: false },
  test: { script: ['scripts', 'test.ts'], before: [], isDev: true },
  check: { script: ['scripts', 'check.ts'], before: [], isDev: true },
}

/** Names of packages that the lock wants here and that are missing or of another version. */
function missing(isDev) {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = join(root, 'node_modules', '.package-lock.json')
  const present = existsSync(installed) ? JSON.parse(readFileSync(installed, 'utf8')).packages : {}
  const fits = (list, value) => !list || list.includes(value)
  return Object.entries(wanted)
    .filter(([path, entry]) => path !== '' && (isDev || !entry.dev) && !entry.peer && fits(entry.os, process.platform) && fits(entry.cpu, process.arch))
    .filter(([path, entry]) => !entry.optional || /node-(bin-)?(linux|darwin|win)/.test(path))
    .filter(([path, entry]) => !present[path] || present[path].version !== entry.version)
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
}

function install(isDev, done) {
  const startMs = Date.now()
  const label = isDev ? 'Installing what tests need' : 'Installing what is needed'
  const isTerminal = process.stderr.isTTY
  process.stderr.write(`${label} (once, most of it download) …${isTerminal ? '' : '\n'}`)
  const timer = setInterval(() => {
    if (isTerminal) process.stderr.write(`\r${label} (once, most of it download) … ${Math.round((Date.now() - startMs) / 1000)} s`)
  }, 1000)
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  const flags = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(isDev ? [] : ['--omit=dev'])]
  const child = spawn(npm[0], [...npm.slice(1), ...flags], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: npm.length === 1 && process.platform === 'win32' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output = (output + bytes).slice(-8000)))
  const fail = (reason) => {
    clearInterval(timer)
    process.stderr.write(`\n${output}\nholdfast: npm could not install the dependencies (${reason}).\n`)
    process.stderr.write('    Check that this machine reaches the npm registry (a proxy? `npm ping`), that the disk has 1 GB free, and try again.\n')
    process.exit(1)
  }
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => {
    if (code !== 0) return fail(signal || `exit ${code}`)
    clearInterval(timer)
    process.stderr.write(`${isTerminal ? '\r' : ''}${label} … done in ${Math.round((Date.now() - startMs) / 1000)} s.                        \n`)
    done()
  })
}

function handOver({ script, before }) {
  const node = findNode(root)
  if (!node) {
    process.stderr.write(`holdfast: no Node 26 is packaged for ${process.platform} ${process.arch}. Install Node ${majorMin} or newer and try again.\n`)
    process.exit(1)
  }
  launch(node, [join(root, ...script), ...before, ...args])
}

const command = commands[what]
if (!command) {
  process.stderr.write('usage: node bin/setup.cjs start|test|check -- arguments\n')
  process.exit(2)
}
if (missing(command.isDev).length === 0) handOver(command)
else install(command.isDev, () => handOver(command))
