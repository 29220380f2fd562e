// Tests of which addresses are public.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopbackAddress, isPublicAddress } from './public-address.ts'

test('addresses of the Internet are public', () => {
  for (const address of ['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '198.20.0.1', '223.255.255.255'])
    assert.equal(isPublicAddress(address), true, address)
  for (const address of ['2606:4700::1111', '2001:4860:4860::8888', '2a00::'])
    assert.equal(isPublicAddress(address), true, address)
})

test('addresses of houses, machines, clouds, tunnels and books are not', () => {
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.0.1', '169.254.169.254', '172.16.0.1', '172.31.9.9'],
    ...[
      '192.0.0.8',
      '192.0.2.1',
      '192.168.0.1',
      '198.18.0.1',
      '198.19.0.1',
      '203.0.113.9',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...['::', '::1', 'fe80::1', 'fd00::1', 'ff02::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', '2001::1'],
    ...['2001:db8::1', '3fff::1', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.x', '', 'localhost'],
  ])
    assert.equal(isPublicAddress(address), false, address)
})

test('this machine is known by any of its loopback addresses', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(isLoopbackAddress(address), true, address)
  for (const address of ['128.0.0.1', '::2', '127.evil.example', '10.0.0.1'])
    assert.equal(isLoopbackAddress(address), false, address)
})
