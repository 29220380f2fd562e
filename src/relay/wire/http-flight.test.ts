// Tests of what a request under way tells of its failure.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../fault/fault.ts'
import { HttpFlight } from './http-flight.ts'
import type { WireReceiver, WireRequest } from './wire.ts'

test('one that was sent again and then reached nobody says that it may have been seen before', () => {
  for (const isMoved of [false, true]) {
    const told: Fault[] = []
    const receiver = { onFail: (fault: Fault) => void told.push(fault) } as Partial<WireReceiver> as WireReceiver
    const flight = new HttpFlight({} as WireRequest, receiver, [])
    flight.isMoved = isMoved
    flight.fail(new Fault('HF_UPSTREAM_REFUSED', { detail: 'connect ECONNREFUSED gpu1:8000' }))
    assert.deepEqual([told[0]?.code, told[0]?.wasSent], ['HF_UPSTREAM_REFUSED', isMoved])
  }
})
