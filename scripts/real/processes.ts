// What Linux tells of processes under /proc, and the signals sent to them. A process that ends while it is looked at is no
// error anywhere here: it is simply not there any more.
import { readdirSync, readFileSync } from 'node:fs'

/** Sends `name` to a process or, with a negative number, to a group. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Every process there is. */
export function processes(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
}

/** The live children of `parent`. A killed child that its parent has not noticed yet is not one. */
export function childrenOf(parent: number): number[] {
  return processes().filter((pid) => {
    const stat = statOf(String(pid))
    return stat?.parent === parent && !'ZX'.includes(stat.state)
  })
}

/** The command line; empty for one that has ended. */
export function argumentsOf(pid: number): string[] {
  return read(`${pid}/cmdline`)?.split('\0').slice(0, -1) ?? []
}

/** One variable of the environment a process was started with. */
export function variableOf(pid: number, name: string): string | undefined {
  const entry = read(`${pid}/environ`)
    ?.split('\0')
    .find((entry) => entry.startsWith(`${name}=`))
  return entry?.slice(name.length + 1)
}

export function isAlive(pid: number): boolean {
  const stat = statOf(String(pid))
  return stat !== undefined && !'ZX'.includes(stat.state)
}

/** True until the last thread of a process has obeyed SIGSTOP: the signal reaches them one by one. */
export function isMoving(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.some((thread) => !'TZX'.includes(statOf(`${pid}/task/${thread}`)?.state ?? 'X'))
  } catch {
    return false
  }
}

/** Reads "pid (name) state ppid …"; the name may hold spaces and brackets, so what follows its last bracket is taken. */
function statOf(task: string): { state: string; parent: number } | undefined {
  const stat = read(`${task}/stat`)
  if (stat === undefined) return undefined
  const [state = 'X', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state, parent: Number(parent) }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return undefined
  }
}
