/** `holdfast deploy …` against the operators' port, behind which a book of rollouts stands as in a gateway. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type RolloutView, RolloutBook } from '../../src/control/deploy/rollout-book.ts'
import { answerDeploy, type DeployDesk, deployPaths } from '../../src/edge/admin-deploy.ts'
import { serveWrite } from '../../src/edge/admin-write.ts'
import { holdfast } from '../crash/gateway.ts'

function deskOf(book: RolloutBook): DeployDesk {
  const view = (deployment: string): Promise<RolloutView> => Promise.resolve(book.views(deployment)[0] as RolloutView)
  return {
    list: (deployment) => Promise.resolve(book.views(deployment ?? undefined)),
    begin: ({ deployment, release, strategy = 'canary' }) => {
      book.begin({ id: `d${book.views().length}`, deployment, from: 'v1', to: release, strategy }, 1000)
      return view(deployment)
    },
    command: (deployment, asked, by) => {
      book.command(deployment, asked, by, 2000)
      return view(deployment)
    },
  }
}

test('a rollout is begun, looked at, led and told of afterwards', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-deploy-'))
  const book = new RolloutBook()
  const server = createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?')
    if (!deployPaths.has(path)) return void response.writeHead(404).end('{}')
    serveWrite(
      [request, response],
      async () => answerDeploy([path, query], request, () => deskOf(book)),
      (fault) => response.writeHead(fault.status).end(JSON.stringify({ error: fault.detail })),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const adminUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    writeFileSync(join(folder.path, 'holdfast.pid'), JSON.stringify({ pid: process.pid, adminUrl }))
    const deploy = (...words: string[]) => holdfast('deploy', ...words, '--state', folder.path)

    const begun = await deploy('chat', '--release', 'v2', '--by', 'ada')
    assert.equal(begun.code, 0, begun.output)
    assert.match(begun.output, /chat: v1 → v2, waiting, 0 % of new calls/)
    const again = await deploy('chat', '--release', 'v3')
    assert.notEqual(again.code, 0)
    assert.match(again.output, /v2 is being deployed \(waiting\); roll it back first/)

    assert.match((await deploy('pause', 'chat')).output, /waiting \(paused\)/)
    assert.match((await deploy('rollback', 'chat', '--by', 'ada')).output, /why: rolled back by ada/)
    const history = await deploy('history', 'chat')
    assert.match(history.output, /v1 → v2 \(canary\)\n.*waiting.*\n.*paused by .*\n.*rolled back by ada/)
    const told = JSON.parse((await deploy('status', 'chat', '--json')).output) as { rollouts: RolloutView[] }
    assert.equal(told.rollouts[0]?.phase, 'rolling-back')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
