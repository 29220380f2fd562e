/**
 * `npm run suites`: public suites of others, run against this gateway. Exit code 1 unless the bar is reached.
 *
 *     npm run suites -- cache                         cache-tests, nginx beside it
 *     npm run suites -- cache --only ID,ID            some of its tests
 *     npm run suites -- cache --from FOLDER           a checkout of another edition
 *     npm run suites -- cache --peers holdfast        without nginx
 */
import { parseArgs } from 'node:util'
import { runCacheSuite } from './cache-suite.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    from: { type: 'string' },
    peers: { type: 'string', default: 'holdfast,nginx' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help || positionals.join() !== 'cache') {
  process.stderr.write(
    'npm run suites -- cache [--only ID,ID] [--from FOLDER] [--peers holdfast,nginx] [--json FILE]\n',
  )
  process.exit(values.help ? 0 : 2)
}
const split = (text: string): string[] => text.split(',').filter((each) => each !== '')
const isGood = await runCacheSuite({
  ...(values.from !== undefined && { from: values.from }),
  ...(values.json !== undefined && { json: values.json }),
  only: values.only?.flatMap(split) ?? [],
  peers: split(values.peers),
})
process.exit(isGood ? 0 : 1)
