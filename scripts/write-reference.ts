/** `npm run docs:reference`: writes the pages and files that are printed from the code. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { referencePages } from './reference.ts'
import { root } from './step.ts'

for (const [path, text] of await referencePages()) {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
  process.stdout.write(`${path}\n`)
}
