// Exchanges recorded from a real Ollama, one JSON file each beside this one (README.md says how they were made and what
// the fields mean). Tests hold our parsers and the simulated Ollama against them; nothing here is used by the daemon.

import { readdirSync, readFileSync } from 'node:fs'

export type Bytes = string | { base64: string }

export interface Recording {
  case: string
  note: string
  request: { method: string; path: string; headers: Record<string, string>; body: Bytes }
  response: {
    /** null: the connection ended before a status line. */
    status: number | null
    headers: [string, string][]
    /** De-chunked: one entry for each chunk, or each piece as it came. */
    chunks: { at_ms: number; text?: string; base64?: string }[]
    end: 'clean' | 'mid-chunk' | 'reset'
  }
}

/** The names of all recordings, sorted. */
export function recordingNames(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(`${import.meta.dirname}/${name}.json`, 'utf8')) as Recording
}
