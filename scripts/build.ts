/** `npm run build`: the package's JavaScript in dist/, from src/ and lab/, without tests, and the console beside it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { root, runStep } from './step.ts'

await rm(join(root, 'dist'), { recursive: true, force: true })
const steps = await Promise.all([
  runStep('build', 'tsc', ['-p', 'tsconfig.build.json']),
  runStep('console', 'vite', ['build', 'web/console', '--config', 'web/console/vite.config.ts', '--logLevel', 'warn']),
])
const seconds = Math.max(...steps.map((each) => each.seconds))
const isGood = steps.every((each) => each.isGood)
process.stderr.write(
  isGood ? `Built dist/ in ${seconds.toFixed(1)} s.\n` : steps.map(({ output }) => output).join('\n'),
)
process.exitCode = isGood ? 0 : 1
