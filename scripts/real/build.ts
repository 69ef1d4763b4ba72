// The Ollama server programs: built once from source by the ordinary Go client, then taken from the cache. v0.11.4 is the newest
// release that builds as it is; later ones need headers that headers.ts brings.
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from './cache.ts'
import { fetchHeaders } from './headers.ts'

export type Version = 'v0.11.4' | 'v0.11.10'

/** Serves most tests. */
export const ollamaVersion: Version = 'v0.11.4'
/** Lets requests overtake that need no load, as all do since v0.11.5, and so can hang as they can (ollama#17408). */
export const hangingVersion: Version = 'v0.11.10'

/** The server's path in the cache, whether it is there or not. */
export function serverPath(cache: string, version = ollamaVersion): string {
  return join(cache, 'ollama', variant(version), 'ollama')
}

/**
 * The server's path, after building it if it is missing: 3-5 minutes on two cores, seconds if Go still has the objects.
 * Needs `go` and a C++ compiler; throws with the compiler's last words when one is missing or the build fails.
 */
export async function buildServer(
  cache: string,
  say: (line: string) => void,
  version = ollamaVersion,
): Promise<string> {
  const path = serverPath(cache, version)
  if (existsSync(path)) return path
  say(`building Ollama ${version} from source (3-5 minutes the first time)`)
  const folder = join(cache, 'ollama')
  const unfinished = join(folder, `${variant(version)}.${process.pid}`)
  await mkdir(unfinished, { recursive: true })
  const flags = hasVectors() ? [vectorFlags] : []
  const include: string[] = []
  if (version !== 'v0.11.4') {
    const headers = join(folder, 'headers')
    await fetchHeaders(headers)
    include.push(`"-I${headers}"`)
  }
  try {
    await runProgram('go', ['install', '-trimpath', `github.com/ollama/ollama@${version}`], {
      ...process.env,
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '1',
      GOBIN: unfinished,
      ...(flags.length > 0 ? { CGO_CFLAGS: flags.join(' ') } : {}),
      ...(flags.length + include.length > 0 ? { CGO_CXXFLAGS: [...flags, ...include].join(' ') } : {}),
    })
    // A folder that bears the variant's name is whole: an interrupted build is never taken for a finished one.
    await rm(join(folder, variant(version)), { recursive: true, force: true })
    await rename(unfinished, join(folder, variant(version)))
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return path
}

// Go alone compiles for the oldest x86: with the vector instructions of the last ten years gemma answers four times as fast.
const vectorFlags = '-O3 -march=x86-64-v3'

function hasVectors(): boolean {
  if (process.arch !== 'x64' || !existsSync('/proc/cpuinfo')) return false
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? []
  return ['avx2', 'bmi2', 'fma', 'f16c'].every((flag) => flags.includes(flag))
}

function variant(version: Version): string {
  return hasVectors() ? `${version}-x86-64-v3` : version
}
