/** The signature against the examples that Amazon publishes ("Examples: Signature Calculations", S3 API Reference). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectPath, signV4 } from './sign-v4.ts'

const signer = {
  accessKey: 'AKIAIOSFODNN7EXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
}
const nowMs = Date.UTC(2013, 4, 24)
const signatureOf = ({ authorization = '' }: Record<string, string>): string =>
  /Signature=(\w+)$/.exec(authorization)?.[1] ?? ''

test('an object is asked for', () => {
  const url = new URL('https://examplebucket.s3.amazonaws.com/test.txt')
  const signed = signV4({ method: 'GET', url, headers: { range: 'bytes=0-9' }, body: Buffer.alloc(0) }, signer, nowMs)
  assert.equal(signatureOf(signed), 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41')
  assert.equal(signed['x-amz-date'], '20130524T000000Z')
})

test('an object is put', () => {
  const url = new URL(`https://examplebucket.s3.amazonaws.com/${objectPath('test$file.text')}`)
  const headers = { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' }
  const body = Buffer.from('Welcome to Amazon S3.')
  const signed = signV4({ method: 'PUT', url, headers, body }, signer, nowMs)
  assert.equal(signatureOf(signed), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd')
})

test('a list with a query is asked for', () => {
  const url = new URL('https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J')
  const signed = signV4({ method: 'GET', url, headers: {}, body: Buffer.alloc(0) }, signer, nowMs)
  assert.equal(signatureOf(signed), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7')
})

test('what is special in an address is escaped once', () => {
  assert.equal(objectPath('a b/ü(1)*.html'), 'a%20b/%C3%BC%281%29%2A.html')
})
