/** How the console is built for the package: into dist/console, asked for below whatever path it is served from. */
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  build: { outDir: '../../dist/console', emptyOutDir: true, target: 'es2023', modulePreload: { polyfill: false } },
})
