#!/usr/bin/env node
/** The `holdfast` command: runs on any Node from 20 on, and hands over to the Node that Holdfast brought with it. */
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { launch } = require('./launch.cjs')
const { findNode, majorMin, platformPackage } = require('./node26.cjs')

const root = join(__dirname, '..')
const node = findNode(root)
if (!node) {
  const brought = platformPackage()
  process.stderr.write(
    brought
      ? `holdfast: the package ${brought}, which brings Node 26, is not installed. Install again without --omit=optional, or use Node ${majorMin} or newer.\n`
      : `holdfast: no Node 26 is packaged for ${process.platform} ${process.arch}. Install Node ${majorMin} or newer and try again.\n`,
  )
  process.exit(1)
}
const compiled = join(root, 'dist', 'src', 'cli', 'holdfast.js')
const source = join(root, 'src', 'cli', 'holdfast.ts')
launch(node, [existsSync(source) ? source : compiled, ...process.argv.slice(2)])
