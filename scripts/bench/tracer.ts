// strace as a command to run a child under, so that every fsync is counted by somebody else than foreman.

import { spawnSync } from 'node:child_process'

/** The command that writes each fsync and fdatasync to `file`; undefined where strace is missing or may not trace. */
export function tracer(file: string): string[] | undefined {
  const command = ['strace', '-f', '-qq', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync', '-o', file]
  const [strace = '', ...rest] = command
  return spawnSync(strace, [...rest, 'true'], { stdio: 'ignore' }).status === 0 ? command : undefined
}
