/** What the store says about a stream, as the fault that a caller is told. */
import { Fault } from '../../fault/fault.ts'
import type { Absence, AppendRefusal, CreateRefusal } from '../../store/stream-store.ts'
import { bad } from './stream-target.ts'

export function absenceFault(absence: Absence): Fault {
  return new Fault(absence === 'gone' ? 'HF_STREAM_GONE' : 'HF_STREAM_UNKNOWN')
}

export function misplacedFault(): Fault {
  return bad('the offset is not one of this stream')
}

export function createFault(refusal: CreateRefusal): Fault {
  switch (refusal) {
    case 'differs':
      return new Fault('HF_STREAM_EXISTS')
    case 'gone':
      return new Fault('HF_STREAM_EXISTS', { detail: 'it was removed, but forks of it are still there' })
    case 'source-missing':
      return new Fault('HF_STREAM_UNKNOWN', { detail: 'the stream to fork from is not there' })
    case 'source-gone':
      return new Fault('HF_STREAM_CONFLICT', { detail: 'the stream to fork from was removed' })
    case 'source-type':
      return new Fault('HF_STREAM_CONFLICT', { detail: 'a fork has the content type of its source' })
    case 'source-position':
      return bad('Stream-Fork-Offset is not one of the source')
    case 'too-deep':
      return new Fault('HF_STREAM_FULL', { detail: 'forks of forks go no deeper than 32' })
    case 'stream-full':
      return new Fault('HF_STREAM_FULL')
    case 'store-full':
      return new Fault('HF_STREAMS_FULL')
  }
}

export function appendFault(refusal: AppendRefusal): Fault {
  switch (refusal.kind) {
    case 'missing':
    case 'gone':
      return absenceFault(refusal.kind)
    case 'closed':
      return new Fault('HF_STREAM_CLOSED')
    case 'type':
      return new Fault('HF_STREAM_CONFLICT', { detail: 'Content-Type is not that of the stream' })
    case 'writer-seq':
      return new Fault('HF_STREAM_CONFLICT', { detail: 'Stream-Seq is not above the last one' })
    case 'gap':
      return new Fault('HF_STREAM_CONFLICT', { detail: 'Producer-Seq leaves a gap' })
    case 'stale-epoch':
      return new Fault('HF_STREAM_FENCED')
    case 'new-epoch':
      return bad('the first Producer-Seq of an epoch is 0')
    case 'too-many-producers':
      return new Fault('HF_STREAM_FULL', { detail: 'it has as many producers as `streams.producersMax` allows' })
    case 'stream-full':
      return new Fault('HF_STREAM_FULL')
    case 'store-full':
      return new Fault('HF_STREAMS_FULL')
  }
}
