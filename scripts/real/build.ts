// The Ollama server program: built once from source by the ordinary Go client, then taken from the cache.
// v0.11.4 is the newest release that Go alone can build: later ones need C++ headers that the module does not bring.
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from './cache.ts'

export const ollamaVersion = 'v0.11.4'

/** The server's path in the cache, whether it is there or not. */
export function serverPath(cache: string): string {
  return join(cache, 'ollama', variant(), 'ollama')
}

/**
 * The server's path, after building it if it is missing: 3-5 minutes on two cores, seconds if Go still has the objects.
 * Needs `go` and a C++ compiler; throws with the compiler's last words when one is missing or the build fails.
 */
export async function buildServer(cache: string, say: (line: string) => void): Promise<string> {
  const path = serverPath(cache)
  if (existsSync(path)) return path
  say(`building Ollama ${ollamaVersion} from source (3-5 minutes the first time)`)
  const folder = join(cache, 'ollama')
  const unfinished = join(folder, `${variant()}.${process.pid}`)
  await mkdir(unfinished, { recursive: true })
  try {
    await runProgram('go', ['install', '-trimpath', `github.com/ollama/ollama@${ollamaVersion}`], {
      ...process.env,
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '1',
      GOBIN: unfinished,
      ...(hasVectors() ? { CGO_CFLAGS: vectorFlags, CGO_CXXFLAGS: vectorFlags } : {}),
    })
    // A folder that bears the variant's name is whole: an interrupted build is never taken for a finished one.
    await rm(join(folder, variant()), { recursive: true, force: true })
    await rename(unfinished, join(folder, variant()))
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

function variant(): string {
  return hasVectors() ? `${ollamaVersion}-x86-64-v3` : ollamaVersion
}
