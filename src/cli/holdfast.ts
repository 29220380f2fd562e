/** Where the program begins: as the command, or as one of its workers, each with only what it needs. */
import './engine.ts'
import cluster from 'node:cluster'

if (cluster.isWorker) {
  const { runWorker } = await import('./worker.ts')
  runWorker()
} else {
  const { runCommand } = await import('./command-line.ts')
  await runCommand()
}
