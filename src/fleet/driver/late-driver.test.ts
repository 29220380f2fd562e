// Opened when wanted, once, and again after a failure.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DriverFault } from '../driver-fault.ts'
import type { Driver } from '../driver.ts'
import { LateDriver } from './late-driver.ts'

test('a driver that no deployment names is not opened; one that fails is opened anew', async () => {
  let isWanted = false
  let opened = 0
  let changes = 0
  const told: (() => void)[] = []
  const inner = {
    list: async () => [],
    watch: (onChange: () => void) => {
      told.push(onChange)
      return { [Symbol.dispose]: () => void told.splice(0) }
    },
    [Symbol.asyncDispose]: async () => {},
  } as unknown as Driver
  await using driver = new LateDriver(
    'docker',
    () => isWanted,
    async () => {
      if (++opened === 1) throw new DriverFault('away', 'no engine', 'start it')
      return inner
    },
  )
  using _watch = driver.watch(() => changes++)
  assert.deepEqual(await driver.list(), [])
  assert.equal(opened, 0)
  isWanted = true
  await assert.rejects(driver.list(), /no engine; start it/)
  assert.deepEqual(await driver.list(), [])
  isWanted = false
  assert.deepEqual(await driver.list(), [])
  assert.equal(opened, 2)
  told[0]?.()
  assert.equal(changes, 1)
})
