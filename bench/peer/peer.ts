/** The contract of whatever stands between load and model server in a bench. */

export interface RunningPeer {
  /** What was started, with its version. */
  readonly version: string
  /** All its processes now; CPU and memory are theirs together. */
  pids(): number[]
  stop(): Promise<void>
}

export interface Peer {
  readonly name: string
  /** Said under the tables, where the reader must know something of how this peer was run. */
  readonly note?: string
  /** Headers that each request must carry. */
  headers?(mockUrl: string): Readonly<Record<string, string>>
  /**
   * Starts it on 127.0.0.1:`port`, in front of the model server at `mockUrl` (no path, no slash at the end), on the
   * gateway's core.
   * @throws {PeerMissing} when this machine cannot have it
   */
  start(mockUrl: string, port: number): Promise<RunningPeer>
}

/** The peer cannot run on this machine; the run goes on without it and prints the reason. */
export class PeerMissing extends Error {}
