/** Runs a program in our place: same terminal, signals passed on, its end is ours. */
'use strict'
const { spawn } = require('node:child_process')

/** Who started us. */
const parent = process.ppid
const parentPeriodMs = 250

function launch(program, args) {
  const child = spawn(program, args, { stdio: 'inherit' })
  watchParent(child)
  // Ctrl-C in a terminal reaches the child by itself; passing it on again would look like a second one, which means "at
  // once".
  const hasTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY)
  process.on('SIGINT', () => {
    if (!hasTerminal) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`holdfast: ${program} does not start: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exit(code === null ? 1 : code)
  })
}

/**
 * npm passes SIGTERM on to the shell in which it runs a script, and the shell dies of it without telling us. So under
 * npm an end of our parent counts as the signal that we did not get.
 */
function watchParent(child) {
  if (!process.env.npm_lifecycle_event) return
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, parentPeriodMs)
  child.on('exit', () => clearInterval(timer))
}

module.exports = { launch }
