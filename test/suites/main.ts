/**
 * `npm run suites -- NAME`: attacks and public suites, played against this gateway. Exit code 1 unless the bar is
 * reached.
 *
 *     npm run suites -- cache           cache-tests, nginx beside it; --only ID,ID some of its tests, --from FOLDER a
 *                                       checkout of another edition, --peers holdfast without nginx, --json FILE
 *     npm run suites -- smuggling       requests and answers that two readers could take for different ones
 *     npm run suites -- h2spec          conformance to HTTP/2; --h2spec PATH the program, or --from FOLDER its source
 *     npm run suites -- smuggler        defparam/smuggler, three sets over TCP and TLS; --from FOLDER a checkout of it
 *     npm run suites -- rapid-reset     streams of HTTP/2 that are reset, floods of control frames, header bombs
 *     npm run suites -- flood           ten times what can be answered, from 1,000 addresses without a key
 *     npm run suites -- slow            slowhttptest in four ways with 1,000 connections
 */
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    from: { type: 'string' },
    peers: { type: 'string', default: 'holdfast,nginx' },
    json: { type: 'string' },
    h2spec: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const split = (text: string): string[] => text.split(',').filter((each) => each !== '')

async function runCache(): Promise<boolean> {
  const { runCacheSuite } = await import('./cache-suite.ts')
  return runCacheSuite({
    ...(values.from !== undefined && { from: values.from }),
    ...(values.json !== undefined && { json: values.json }),
    only: values.only?.flatMap(split) ?? [],
    peers: split(values.peers),
  })
}

const suites: Readonly<Record<string, () => Promise<boolean>>> = {
  cache: runCache,
  smuggling: async () => (await import('./smuggling-suite.ts')).runSmugglingSuite(),
  h2spec: async () => (await import('./h2spec-suite.ts')).runH2specSuite({ program: values.h2spec, from: values.from }),
  smuggler: async () => (await import('./smuggler-suite.ts')).runSmugglerSuite(values.from),
  'rapid-reset': async () => (await import('./rapid-reset-suite.ts')).runRapidResetSuite(),
  flood: async () => (await import('./flood-suite.ts')).runFloodSuite(),
  slow: async () => (await import('./slow-suite.ts')).runSlowSuite(),
}

const [name = ''] = positionals
const suite = Object.hasOwn(suites, name) ? suites[name] : undefined
if (!suite || values.help) {
  process.stderr.write(`npm run suites -- ${Object.keys(suites).join('|')}\n`)
  process.exit(values.help ? 0 : 2)
}
process.exit((await suite()) ? 0 : 1)
