/** The page and what belongs to it: bundled once when the server starts, sent from memory. */
// @ts-check
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** @typedef {{ type: string, body: string | Uint8Array }} Asset */

const folder = fileURLToPath(new URL('page', import.meta.url))

const headers = {
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
}

/** @returns {Promise<{ send: (path: string, response: import('node:http').ServerResponse) => boolean }>} */
export async function openPage() {
  const { outputFiles } = await build({
    entryPoints: [`${folder}/main.jsx`],
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    minify: true,
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    // Zod would try to compile code at run time, which the policy above forbids, and the console would tell of it.
    banner: { js: 'globalThis.__zod_globalConfig = { jitless: true }' },
    write: false,
    logLevel: 'error',
  })
  const index = { type: 'text/html; charset=utf-8', body: await readFile(`${folder}/index.html`) }
  /** @type {Map<string, Asset>} */
  const assets = new Map([
    ['/', index],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: outputFiles[0]?.contents ?? '' }],
    ['/page.css', { type: 'text/css; charset=utf-8', body: await readFile(`${folder}/page.css`) }],
    ['/icon.svg', { type: 'image/svg+xml', body: await readFile(`${folder}/icon.svg`) }],
  ])
  return {
    send(path, response) {
      // A chat's own address, so that it can be reloaded and opened in a second tab.
      const asset = assets.get(path) ?? (/^\/chat\/[\w-]{1,64}$/.test(path) ? index : null)
      if (!asset) return false
      response.writeHead(200, { ...headers, 'content-type': asset.type }).end(asset.body)
      return true
    },
  }
}
