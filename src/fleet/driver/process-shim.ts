/**
 * The few lines of shell between us and a replica. They lead its process group, and write down their own number and how
 * it ended: whoever adopts it after our death can know both.
 */

/** Arguments: pid file, exit file, niceness, KiB of address space, files, and the command. Its name is the mark. */
const script = `
trap : TERM INT HUP QUIT
pid_file=$1 exit_file=$2 nice=$3 address=$4 files=$5
shift 5
echo $$ > "$pid_file.new" && mv "$pid_file.new" "$pid_file" || exit 125
[ "$address" = 0 ] || ulimit -v "$address" || exit 125
[ "$files" = 0 ] || ulimit -n "$files" || exit 125
if [ "$nice" = 0 ]; then "$@" & else nice -n "$nice" "$@" & fi
child=$!
wait $child
code=$?
while [ $code -gt 128 ] && kill -0 $child 2>/dev/null; do
  wait $child
  code=$?
done
echo $code > "$exit_file.new" && mv "$exit_file.new" "$exit_file"
`

export interface ShimOrder {
  readonly mark: string
  readonly pidFile: string
  readonly exitFile: string
  readonly niceness: number
  /** 0 for no limit; so is `filesMax`. */
  readonly addressBytesMax: number
  readonly filesMax: number
  readonly command: readonly string[]
}

/** What `/bin/sh` is started with. */
export function shimArguments(order: ShimOrder): string[] {
  const { mark, pidFile, exitFile, niceness, addressBytesMax, filesMax, command } = order
  const limits = [niceness, Math.ceil(addressBytesMax / 1024), filesMax].map(String)
  return ['-c', script, mark, pidFile, exitFile, ...limits, ...command]
}
