#!/usr/bin/env node
/** The `holdfast` command: runs on any Node from 20 on, and hands over to the Node that Holdfast brought with it. */
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { launch } = require('./launch.cjs')
const { requireNode } = require('./node26.cjs')

const root = join(__dirname, '..')
// A checkout has the source; the published package has what was compiled from it.
const source = join(root, 'src', 'cli', 'holdfast.ts')
const compiled = join(root, 'dist', 'src', 'cli', 'holdfast.js')
launch(requireNode(root), [existsSync(source) ? source : compiled, ...process.argv.slice(2)])
