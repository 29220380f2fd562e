/** nginx as a plain reverse proxy: it parses no body and keeps no journal, so it is the limit, not a rival. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { awaitPort, cache, gatewayCore, launch } from '../launch.ts'
import { debianProgram } from './debian-program.ts'
import type { Peer } from './peer.ts'

/** How every configuration of ours begins: one worker, in the foreground, nothing outside of this folder. */
export function nginxHead(folder: string, connections: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};`)
    .join('\n')
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections ${connections}; }
http {
  access_log off;
${temporary}`
}

/** One worker, connections kept alive on both sides, answers passed on as they come, nothing written to disk. */
function configuration(folder: string, mockHost: string, port: number): string {
  return `${nginxHead(folder, 8192)}
  client_max_body_size 100m;
  client_body_buffer_size 64k;
  keepalive_requests 100000000;
  keepalive_timeout 3600s;
  upstream models {
    server ${mockHost};
    keepalive 2048;
    keepalive_requests 100000000;
    keepalive_timeout 3600s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://models;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 3600s;
      proxy_send_timeout 3600s;
    }
  }
}
`
}

export const nginx: Peer = {
  name: 'nginx',
  async start(mockUrl, port) {
    const program = debianProgram('nginx')
    const folder = join(cache, 'bench', 'nginx')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, configuration(folder, new URL(mockUrl).host, port))
    const asked = spawnSync(program.command, ['-v'], { encoding: 'utf8', env: { ...process.env, ...program.env } })
    const args = ['-p', folder, '-c', file, '-e', 'stderr']
    const launched = launch(program.command, args, { core: gatewayCore, env: program.env })
    await awaitPort(port, launched)
    const version = /nginx\/\S+/.exec(asked.stderr + asked.stdout)?.[0] ?? 'nginx'
    return { version: version.replace('/', ' '), pids: launched.pids, stop: launched.stop }
  },
}
