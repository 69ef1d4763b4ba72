// Ollama's own client for Go, by the program in go/api/, a module of its own.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildGoIn } from './go.ts'
import { startLines } from './lines.ts'
import type { Program } from './program.ts'

export const ollamaGo: Program = {
  name: 'ollama/api (Go)',
  token: '`http.Client` with a transport of three lines',
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'foreman-go-api-'))
    const remove = () => rmSync(folder, { recursive: true, force: true })
    try {
      const caller = await startLines(await buildOllamaGo(folder))
      return {
        ...caller,
        stop: () => {
          caller.stop()
          remove()
        },
      }
    } catch (error) {
      remove()
      throw error
    }
  },
}

/** Resolves with the path of the program, which is in that folder. Throws when there is no Go, or no way to the modules. */
export function buildOllamaGo(folder: string): Promise<string> {
  return buildGoIn(join(import.meta.dirname, 'go', 'api'), join(folder, 'program'))
}
