/** `npm run build`: the package's JavaScript in dist/, from src/ and lab/, without tests. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { root, runStep } from './step.ts'

await rm(join(root, 'dist'), { recursive: true, force: true })
const { isGood, output, seconds } = await runStep('build', 'tsc', ['-p', 'tsconfig.build.json'])
process.stderr.write(isGood ? `Built dist/ in ${seconds.toFixed(1)} s.\n` : output)
process.exitCode = isGood ? 0 : 1
