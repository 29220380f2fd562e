/** Runs a program in our place: same terminal, signals passed on, its end is ours. */
'use strict'
const { spawn } = require('node:child_process')

function launch(program, args) {
  const child = spawn(program, args, { stdio: 'inherit' })
  // Ctrl-C in a terminal reaches the child by itself; passing it on again would look like a second one.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
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

module.exports = { launch }
