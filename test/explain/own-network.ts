/**
 * A network of our own for the laboratory, where the system allows it: addresses that swallow packets, others to which
 * there is no route, hosts that come and go, a resolver of ours; and disks of our own. Elsewhere the scenarios make do
 * without.
 */
import { spawn, spawnSync } from 'node:child_process'

/** Where the laboratory's resolver listens; names are asked there and nowhere else. */
export const resolverAddress = '127.0.0.253'

/** Whether we are in a network of our own. */
export const ownNetwork = process.env['HOLDFAST_LAB_NETWORK'] === 'own'

const setUp = [
  'ip link set lo up',
  // Looped back to a host that is not theirs, packets are dropped without a word, as by a firewall.
  'ip route add 10.77.0.0/24 dev lo src 127.0.0.1',
  'ip route add unreachable 10.78.0.0/24',
  // Refused by a rule, as a firewall does that rejects.
  'ip route add prohibit 10.79.0.0/24',
  'mount -t tmpfs none /mnt',
  `echo nameserver ${resolverAddress} > /mnt/resolv.conf`,
  'mount --bind /mnt/resolv.conf /etc/resolv.conf',
].join(' && ')

/** Whether the system lets us have one. */
export function mayHaveNetwork(): boolean {
  return spawnSync('unshare', ['-rnm', 'sh', '-c', setUp]).status === 0
}

/** Runs this same program there; its exit code. */
export async function runInNetwork(): Promise<number> {
  const args = ['-rnm', 'sh', '-c', `${setUp} && exec "$@"`, 'sh', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, HOLDFAST_LAB_NETWORK: 'own' } })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

let hostCount = 0

/** A host of its own: an address that answers until it is switched off, then swallows what is sent to it. */
export function openHost(): { readonly address: string; vanish(): void } {
  const address = `10.77.0.${100 + (hostCount++ % 150)}`
  ip('addr', 'add', `${address}/32`, 'dev', 'lo')
  return { address, vanish: () => ip('addr', 'del', `${address}/32`, 'dev', 'lo') }
}

/** A disk of its own at a folder; what ends it. */
export function mountDisk(folder: string, bytes: number): () => void {
  run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'none', folder)
  return () => void spawnSync('umount', ['-l', folder])
}

function ip(...args: string[]): void {
  run('ip', ...args)
}

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${String(stderr)}`)
}
