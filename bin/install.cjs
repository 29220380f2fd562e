/** Installs the locked dependencies of a checkout with npm, when they are not there. */
'use strict'
const { spawn } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { isRunningGood, platformPackage } = require('./node26.cjs')

const outputLengthMax = 8000

/** What npm says when it fails, and what to do about it. */
const cures = [
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i,
    'npm cannot reach its registry: check the network and the proxy (`npm ping`, `npm config get proxy`).',
  ],
  [
    /CERT|self.signed/i,
    'The registry’s certificate is not trusted: give its authority to npm (`npm config set cafile FILE`).',
  ],
  [/E40[13]\b/, 'The registry refuses access: check the credentials in .npmrc.'],
  [/ENOSPC/, 'The disk is full: about 600 MB are needed.'],
  [/EACCES|EPERM|EROFS/, 'This folder cannot be written to: check who owns it and node_modules in it.'],
  [
    /EUSAGE|in sync/,
    'package.json and package-lock.json do not fit together: run `npm install`, and look at what changed.',
  ],
]

function readPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {}
}

/**
 * What has to be installed: null, or whether development dependencies are part of it. They are when asked for, and when
 * some are there already, since `npm ci` begins by emptying node_modules.
 */
function whatToInstall(root, isDev) {
  const wanted = Object.entries(readPackages(join(root, 'package-lock.json')))
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'))
  const fits = (list, value) => !list || list.includes(value)
  const brought = platformPackage()
  const isNeeded = ([path, entry]) => {
    if (path === '' || entry.peer || (entry.dev && !isDev)) return false
    if (!fits(entry.os, process.platform) || !fits(entry.cpu, process.arch)) return false
    // Of what is optional only the Node we bring matters, and only where the running one is too old.
    return !entry.optional || (path === `node_modules/${brought}` && !isRunningGood)
  }
  const isMissing = ([path, entry]) => !present[path] || present[path].version !== entry.version
  if (!wanted.some((each) => isNeeded(each) && isMissing(each))) return null
  return { isDev: isDev || Object.values(present).some((entry) => entry.dev) }
}

/** Runs `npm ci` in `root` with a line of progress; calls `done`, or explains what went wrong and ends the process. */
function install(root, isDev, done) {
  const startMs = Date.now()
  const label = isDev ? 'Installing what tests need' : 'Installing what is needed'
  const isTerminal = process.stderr.isTTY
  const say = (text, end) => process.stderr.write(isTerminal ? `\r\u001b[K${text}${end}` : `${text}\n`)
  const seconds = () => Math.round((Date.now() - startMs) / 1000)
  say(`${label} (once, most of it download) …`, '')
  // A line each second in a terminal, and one every 15 s in a log.
  const timer = setInterval(
    () => say(`${label} (once, most of it download) … ${seconds()} s`, ''),
    isTerminal ? 1000 : 15_000,
  )
  let output = ''
  const child = spawnNpm(root, [
    'ci',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...(isDev ? ['--include=dev'] : ['--omit=dev']),
  ])
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => (output = (output + bytes).slice(-outputLengthMax)))
  let wasTold = false
  const forward = (signal) => {
    wasTold = true
    child.kill(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward)
  const fail = (reason) => {
    clearInterval(timer)
    if (!wasTold && output.trim()) {
      const cure = cures.find(([pattern]) => pattern.test(output))
      process.stderr.write(
        `\n${output.trim()}\n\n    ${cure ? cure[1] : 'The lines above are npm’s own words.'} Then try again.\n`,
      )
    }
    process.exit(1)
  }
  child.on('error', (error) =>
    fail(error.code === 'ENOENT' ? 'there is no npm on the PATH; it comes with Node' : error.message),
  )
  child.on('exit', (code, signal) => {
    if (code !== 0) return fail(signal || `exit ${code}`)
    clearInterval(timer)
    for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(each, forward)
    say(`${label}: done in ${seconds()} s.`, '\n')
    done()
  })
}

/** The npm that started us, if one did; else the one on the PATH (on Windows a batch file, which needs a shell). */
function spawnNpm(root, args) {
  const own = process.env.npm_execpath
  const options = { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] }
  if (own && /\.c?js$/.test(own)) return spawn(process.execPath, [own, ...args], options)
  return spawn('npm', args, { ...options, shell: process.platform === 'win32' })
}

module.exports = { install, whatToInstall }
