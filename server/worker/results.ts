// What a run leaves behind as artifacts: the answer, the stream as it came, the text, the images.

import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Image } from '../ollama/answer.ts'
import type { NewArtifact } from '../store/artifacts.ts'
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

/** Lets staged bytes go when the transition that was to bring them did not happen. */
export async function settled<T>(change: Promise<T>, artifacts: readonly NewArtifact[]): Promise<T> {
  try {
    return await change
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

/** How much is digested before other streams get their turn. */
const digestedAtOnce = 2 << 20

/** SHA-256 in hex. */
async function digest(pieces: readonly Buffer[]): Promise<string> {
  const sum = createHash('sha256')
  let since = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += digestedAtOnce) {
      const part = piece.subarray(at, at + digestedAtOnce)
      sum.update(part)
      since += part.length
      if (since < digestedAtOnce) continue
      since = 0
      await setImmediate()
    }
  }
  return sum.digest('hex')
}
