/** What went wrong when a server was asked behind the scenes, as a fault of our table, in the words of the error. */
import type { FaultCode } from '../../fault/code.ts'
import { Fault } from '../../fault/fault.ts'
import { connectFault } from './wire-fault.ts'

/** Whoever asks is told more of the connection than of the protocol: that is judged by the calls. */
export function probeFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new Fault(codeOf(thrown), { detail, cause: thrown })
}

function codeOf(thrown: unknown): FaultCode {
  if (!(thrown instanceof Error) || !('code' in thrown)) return 'HF_UPSTREAM_ERROR'
  const { syscall, code } = thrown as NodeJS.ErrnoException
  if (syscall === 'getaddrinfo' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'HF_DNS_FAILED'
  if (syscall === 'connect' || code === 'ECONNREFUSED') return connectFault(thrown, 'connect', '').code
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'HF_UPSTREAM_RESET'
  if (String(code).startsWith('HPE_')) return 'HF_UPSTREAM_GARBLED'
  const { code: verdict } = connectFault(thrown, 'tls', '')
  return verdict === 'HF_TLS_CERTIFICATE' || /SSL|TLS|PROTO/.test(String(code)) ? verdict : 'HF_UPSTREAM_ERROR'
}
