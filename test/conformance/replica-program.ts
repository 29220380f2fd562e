/** What runs as a replica in tests of drivers: a small server, and what goes wrong with such. */

/** Answers `/health` and says who it is; `/eat` takes memory until it is stopped. Ends on SIGTERM at once, or not. */
function server(onTerm: string): string {
  return `
    const { createServer } = require('node:http')
    process.on('SIGTERM', () => { ${onTerm} })
    const kept = []
    createServer((request, response) => {
      if (request.url === '/eat') setInterval(() => kept.push(Buffer.alloc(8 << 20, 1)), 5)
      response.end(JSON.stringify({ pid: process.pid, who: process.env.WHO ?? null }))
    }).listen(Number(process.env.PORT), process.env.HOST, () => console.log('it listens'))
  `
}

export const programs = {
  /** Serves, and ends when asked. */
  good: server('process.exit(0)'),
  /** Serves, and does not hear SIGTERM. */
  stubborn: server(''),
  /** Says why, and ends. */
  dying: `console.error('no such weights: small.gguf'); process.exitCode = 3`,
} as const

export type ProgramName = keyof typeof programs
