// What a run leaves behind as artifacts: the answer, the stream as it came, the text, the images.

import { hash } from 'node:crypto'
import type { Image } from '../ollama/answer.ts'
import type { NewArtifact } from '../queue/queue.ts'
import type { StagedBlob } from '../store/blobs.ts'

export interface Results {
  /** The endpoint's non-stream answer; absent when the run failed. */
  response?: Buffer
  /** Native: the lines as received, without their line ends. */
  lines: readonly Buffer[]
  text: string
  jsonAsked: boolean
  images: readonly Image[]
}

interface File {
  name: string
  content_type: string
  bytes: Buffer[]
}

/** Stages the artifacts of a done job, or with only `lines` the partial one of a failed job. */
export async function stageResults(
  results: Results,
  stage: (bytes: Buffer[]) => Promise<StagedBlob>,
): Promise<NewArtifact[]> {
  const artifacts: NewArtifact[] = []
  try {
    for (const { name, content_type, bytes } of files(results)) {
      const sha256 = await digest(bytes)
      artifacts.push({ name, content_type, sha256, staged: await stage(bytes) })
    }
    return artifacts
  } catch (error) {
    for (const { staged } of artifacts) staged.discard()
    throw error
  }
}

function files({ response, lines, text, jsonAsked, images }: Results): File[] {
  const all: File[] = []
  if (response) all.push({ name: 'response.json', content_type: 'application/json', bytes: [response] })
  if (lines.length > 0) {
    const end = Buffer.from('\n')
    all.push({
      name: 'stream.ndjson',
      content_type: 'application/x-ndjson',
      bytes: lines.flatMap((line) => [line, end]),
    })
  }
  if (!response) return all
  if (text !== '') {
    const json = jsonAsked && parses(text)
    const [name, content_type] = json
      ? ['output.json', 'application/json']
      : ['output.txt', 'text/plain; charset=utf-8']
    all.push({ name, content_type, bytes: [Buffer.from(text)] })
  }
  for (const { name, contentType, bytes } of images) all.push({ name, content_type: contentType, bytes: [bytes] })
  return all
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** SHA-256 in hex. */
async function digest(bytes: readonly Buffer[]): Promise<string> {
  const only = bytes.length === 1 ? (bytes[0] as Buffer) : undefined
  if (only && only.length < 1 << 20) return hash('sha256', only, 'hex')
  const whole = new Uint8Array(await new Blob(bytes as Buffer<ArrayBuffer>[]).arrayBuffer())
  return Buffer.from(await crypto.subtle.digest('SHA-256', whole)).toString('hex')
}
