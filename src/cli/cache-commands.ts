/** The commands under `holdfast cache`. */
import type { CacheOptions } from './cache.ts'
import { type Command, wholeNumber } from './command.ts'

export function addCacheCommands(program: Command): void {
  const cache = program.command('cache').description('What is kept of the applications under `web.routes`.')
  const withFiles = (command: Command): Command =>
    command
      .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
      .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
      .option('--prefix <url>', 'all whose address begins so, e.g. http://www.example.org/blog/')
      .option('--tag <tag>', 'all that bear this tag (`cache-tag`, `surrogate-key`)')
      .option('--json', 'print it as JSON')
  withFiles(cache.command('list', { isDefault: true }).description('Print what is kept, the latest first.'))
    .option('-n, --count <count>', 'at most so many', wholeNumber(10_000), 50)
    .action(async (options: CacheOptions & { count: number }) => {
      const { listCache } = await import('./cache.ts')
      listCache(options)
    })
  withFiles(
    cache
      .command('purge [url]')
      .description('Take out one address, or all of a prefix or a tag. At once, for all workers.'),
  )
    .option('--all', 'everything')
    .action(async (url: string | undefined, options: CacheOptions & { all?: boolean }) => {
      const { purgeCache } = await import('./cache.ts')
      purgeCache(url, options)
    })
}
