/**
 * A network of our own for the laboratory, where the system allows it: addresses that swallow packets, and others to
 * which there is no route. Elsewhere the scenarios make do without.
 */
import { spawn, spawnSync } from 'node:child_process'

const setUp = [
  'ip link set lo up',
  // Looped back to a host that is not theirs, packets are dropped without a word, as by a firewall.
  'ip route add 10.77.0.0/24 dev lo src 127.0.0.1',
  'ip route add unreachable 10.78.0.0/24',
].join(' && ')

/** Whether the system lets us have one. */
export function mayHaveNetwork(): boolean {
  return spawnSync('unshare', ['-rn', 'sh', '-c', setUp]).status === 0
}

/** Runs this same program there; its exit code. */
export async function runInNetwork(): Promise<number> {
  const args = ['-rn', 'sh', '-c', `${setUp} && exec "$@"`, 'sh', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, HOLDFAST_LAB_NETWORK: 'own' } })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}
