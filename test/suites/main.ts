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
 *     npm run suites -- flood           more than can be answered, from 1,000 addresses, with guards and without;
 *                                       --only SCENE,SCENE
 *     npm run suites -- slow            1,000 slow connections in four ways, by slowhttptest and from 1,000 addresses;
 *                                       --rounds N, --only WAY,WAY; --control attacks a server that does nothing, too
 *     npm run suites -- fuzz            readers of strangers' bytes, then a gateway, with changed inputs: --parser NAME
 *                                       (or `gateway`), --seconds N of each, --seed S
 */
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    from: { type: 'string' },
    peers: { type: 'string', default: 'holdfast,nginx' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    control: { type: 'boolean', default: false },
    parser: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
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

async function runSlow(): Promise<boolean> {
  const { runSlowSuite } = await import('./slow-suite.ts')
  const only = values.only?.flatMap(split) ?? []
  return runSlowSuite({ rounds: Math.max(1, Number(values.rounds) || 1), only, control: values.control })
}

const suites: Readonly<Record<string, () => Promise<boolean>>> = {
  cache: runCache,
  smuggling: async () => (await import('./smuggling-suite.ts')).runSmugglingSuite(),
  h2spec: async () => (await import('./h2spec-suite.ts')).runH2specSuite({ program: values.h2spec, from: values.from }),
  smuggler: async () => (await import('./smuggler-suite.ts')).runSmugglerSuite(values.from),
  'rapid-reset': async () => (await import('./rapid-reset-suite.ts')).runRapidResetSuite(),
  flood: async () => (await import('./flood-suite.ts')).runFloodSuite(values.only?.flatMap(split) ?? []),
  slow: runSlow,
  fuzz: async () =>
    (await import('./fuzz-suite.ts')).runFuzzSuite({
      ...(values.parser !== undefined && { parser: values.parser }),
      seconds: Number(values.seconds) || 5,
      seed: Number(values.seed) || 1,
    }),
}

const [name = ''] = positionals
const suite = Object.hasOwn(suites, name) ? suites[name] : undefined
if (!suite || values.help) {
  process.stderr.write(`npm run suites -- ${Object.keys(suites).join('|')}\n`)
  process.exit(values.help ? 0 : 2)
}
process.exit((await suite()) ? 0 : 1)
