/** `holdfast lab proxy`: a fault proxy for one link, with an HTTP interface to change what is wrong with it. */
import { openFaultProxy } from '../fault-proxy.ts'
import { openProxyControl } from '../proxy/control.ts'
import { parseToxicOrder, toxicKinds } from '../proxy/toxic.ts'
import { endWith, type LabCommand, sayReady, UsageError } from './command.ts'
import { type Flag, parseFlags, toFlagHelp } from './flags.ts'

const flags = {
  target: { type: 'text', value: 'HOST:PORT', says: 'where to pass connections on to; needed' },
  listen: { type: 'text', value: 'HOST:PORT', says: 'where to listen (127.0.0.1:0, a free port)' },
  control: { type: 'text', value: 'HOST:PORT', says: 'where the control interface listens (127.0.0.1:0)' },
  toxic: { type: 'texts', value: 'JSON', says: 'something wrong from the start; may be repeated' },
  seed: { type: 'number', value: 'N', says: 'for jitter, loss and shares (1)' },
  tied: { type: 'switch', says: 'end when standard input ends' },
} as const satisfies Record<string, Flag>

const help = `holdfast lab proxy: a link with faults

Usage: holdfast lab proxy --target 127.0.0.1:8001 [flags]

${toFlagHelp(flags)}

Toxics ({"kind":…, "direction":"up"|"down"|"both", "share":0..1, …}):

${Object.entries(toxicKinds)
  .map(([kind, says]) => `  ${kind.padEnd(10)} ${says}`)
  .join('\n')}

It prints one line of JSON when it listens. The control interface takes Toxiproxy's paths; the proxy is called "link":

  holdfast lab proxy --target 127.0.0.1:8001 --toxic '{"kind":"latency","ms":50,"jitterMs":20}'
  curl $CONTROL/proxies/link/toxics -d '{"type":"blackhole","stream":"downstream"}'
  curl $CONTROL/proxies/link -d '{"enabled":false}'
  curl -X POST $CONTROL/reset
`

function toAddress(flag: string, text: string | undefined): { host: string; port: number } {
  if (text === undefined) return { host: '127.0.0.1', port: 0 }
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (!match) throw new UsageError(`--${flag} takes HOST:PORT; got "${text}"`)
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port: Number(match[3]) }
}

async function run(args: readonly string[]): Promise<void> {
  const values = parseFlags(args, flags)
  const target = values.text('target')
  if (target === undefined) throw new UsageError('--target is needed: where to pass connections on to')
  const orders = values.texts('toxic').map((text) => {
    try {
      return parseToxicOrder(JSON.parse(text))
    } catch (error) {
      throw new UsageError(`--toxic: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  const seed = values.number('seed')
  const control = await openProxyControl(toAddress('control', values.text('control')))
  const proxy = await openFaultProxy({
    target,
    ...toAddress('listen', values.text('listen')),
    ...(seed === undefined ? {} : { seed }),
  })
  control.adopt('link', proxy)
  for (const order of orders) proxy.add(order)
  endWith(() => control.close(), values.has('tied'))
  sayReady({ url: proxy.url, control: control.url, target })
}

export const proxyCommand: LabCommand = { help, run }
