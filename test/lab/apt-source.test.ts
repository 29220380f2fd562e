/** Which package sources of a machine count as Debian's archive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debianMirrors, parseListFile, parseSourcesFile } from '../../lab/llama-server/apt-source.ts'

test('reads one-line entries and leaves out comments, source packages and disabled lines', () => {
  const sources = parseListFile(`# the archive
deb http://mirror.example/debian bookworm main contrib # fast
deb-src http://mirror.example/debian bookworm main
#deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/keys/other.gpg] https://other.example/apt stable main`)
  assert.deepEqual(sources, [
    { uri: 'http://mirror.example/debian', suite: 'bookworm', components: ['main', 'contrib'], signedBy: '' },
    { uri: 'https://other.example/apt', suite: 'stable', components: ['main'], signedBy: '/keys/other.gpg' },
  ])
})

test('reads stanzas with several suites, continued lines, comments and a switch', () => {
  const sources = parseSourcesFile(`Types: deb
# a comment inside
URIs: http://mirror.example/debian
Suites: trixie
 trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: sid
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: sid
Components: main`)
  assert.deepEqual(
    sources.map(({ uri, suite }) => `${uri} ${suite}`),
    ['http://mirror.example/debian trixie', 'http://mirror.example/debian trixie-updates'],
  )
})

test('takes an archive by its name or key before an unknown one, each once, and nobody else’s', () => {
  const key = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const entry = { suite: 'bookworm', components: ['main'], signedBy: '' }
  const mirrors = debianMirrors([
    { ...entry, uri: 'http://cache.example/remote' },
    { ...entry, uri: 'http://hashes.example/apt', signedBy: '/usr/share/keyrings/hashes.gpg' },
    { ...entry, uri: 'http://mirror.example/debian', signedBy: key },
    { ...entry, uri: 'http://mirror.example/debian', suite: 'trixie' },
    { ...entry, uri: 'http://mirror.example/debian-security', suite: 'bookworm-security' },
    { ...entry, uri: 'http://ubuntu.example/ubuntu', suite: 'noble' },
  ])
  assert.deepEqual(mirrors, ['http://mirror.example/debian', 'http://cache.example/remote'])
})
