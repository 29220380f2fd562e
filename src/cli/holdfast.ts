/** Where the program begins: as the command or one of its processes, each with only what it needs. */
import './engine.ts'
import cluster from 'node:cluster'
import type { StatusPageOrder } from './status-page.ts'

const statusOrder = process.env['HOLDFAST_STATUS']

if (cluster.isWorker) {
  const { runWorker } = await import('./worker.ts')
  runWorker()
} else if (statusOrder !== undefined) {
  const { runStatusPage } = await import('./status-page.ts')
  await runStatusPage(JSON.parse(statusOrder) as StatusPageOrder)
} else if (process.env['HOLDFAST_CONTROL'] !== undefined && process.send) {
  const { runControl } = await import('./control.ts')
  runControl()
} else {
  const { runCommand } = await import('./command-line.ts')
  await runCommand()
}
