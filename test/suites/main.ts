/**
 * `npm run suites -- NAME`: attacks and public suites, played against this gateway. Exit code 1 unless the bar
 * is reached.
 *
 *     npm run suites -- smuggling       requests and answers that two readers could take for different ones
 *     npm run suites -- rapid-reset     streams of HTTP/2 that are reset, floods of control frames, header bombs
 *     npm run suites -- flood           ten times what can be answered, from 1,000 addresses without a key
 *     npm run suites -- slow            slowhttptest in four ways with 1,000 connections
 */
const suites: Readonly<Record<string, () => Promise<boolean>>> = {
  smuggling: async () => (await import('./smuggling-suite.ts')).runSmugglingSuite(),
  'rapid-reset': async () => (await import('./rapid-reset-suite.ts')).runRapidResetSuite(),
  flood: async () => (await import('./flood-suite.ts')).runFloodSuite(),
  slow: async () => (await import('./slow-suite.ts')).runSlowSuite(),
}

const name = process.argv[2] ?? ''
const suite = Object.hasOwn(suites, name) ? suites[name] : undefined
if (!suite) {
  process.stderr.write(`npm run suites -- ${Object.keys(suites).join('|')}\n`)
  process.exit(2)
}
process.exit((await suite()) ? 0 : 1)
