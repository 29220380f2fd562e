// What h2spec writes down is read: how many, of which section, and what failed with what was expected.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readH2specReport } from './h2spec-report.ts'

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="6.7. PING" package="http2/6.7" id="6.7" tests="2" skipped="0" failures="1" errors="0">
    <testcase package="http2/6.7" classname="Sends a PING &lt;frame&gt;" time="0.0010"></testcase>
    <testcase package="http2/6.7" classname="Sends &#34;ACK&#34;" time="2.0010">
      <error>GOAWAY Frame
Connection closed
Timeout</error>
    </testcase>
  </testsuite>
  <testsuite name="5. Streams" package="generic/5" id="5" tests="1" skipped="0" failures="0" errors="0">
    <testcase package="generic/5" classname="x" time="0.0010"></testcase>
  </testsuite>
</testsuites>`

test('a report is read whole', () => {
  assert.deepEqual(readH2specReport(report), {
    cases: 3,
    passed: 2,
    sections: [
      { name: 'http2 6.7. PING', cases: 2, passed: 1 },
      { name: 'generic 5. Streams', cases: 1, passed: 1 },
    ],
    failures: [
      {
        section: 'http2 6.7. PING',
        name: 'Sends "ACK"',
        expected: 'GOAWAY Frame, or Connection closed',
        actual: 'Timeout',
      },
    ],
  })
  assert.throws(() => readH2specReport('<html>'), /no report/)
})
