// The models of the real run and their way into a server: file, blob, create. Files are kept in the cache, the server
// keeps its store there too, so a second import finds the bytes in place and only names them again.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fetchGemma, gemmaRecipe } from './gemma.ts'
import { type TinyModel, writeTinyGguf } from './tiny.ts'

/** Two chatty models of random weights, two that talk until num_predict (there to be cut off), a fast and a slow one, an embedding one, and one that makes sense. */
export const tinyA = 'tiny-a'
export const tinyB = 'tiny-b'
export const tinyEndless = 'tiny-endless'
export const tinySlow = 'tiny-slow'
export const tinyEmbed = 'tiny-embed'
export const gemma = 'gemma3:270m'

const tinyModels: TinyModel[] = [
  { name: tinyA, seed: 1 },
  { name: tinyB, seed: 2 },
  { name: tinyEndless, seed: 3, eos: 0 },
  { name: tinySlow, seed: 5, eos: 0, layers: 100 },
  { name: tinyEmbed, seed: 4, embedding: true },
]

/** Makes all of them known to the server at `url`. Throws plainly when one cannot be had: a run without it would prove less. */
export async function importModels(url: string, cache: string, say: (line: string) => void): Promise<void> {
  const folder = join(cache, 'tiny')
  await mkdir(folder, { recursive: true })
  for (const tiny of tinyModels) {
    const path = join(folder, `${tiny.name}.gguf`)
    await writeTinyGguf(path, tiny)
    // One thread: two would wait for each other 20 times as long as they work, as soon as the machine has something else to do.
    await importModel(url, tiny.name, path, { parameters: { num_ctx: 2048, num_thread: 1 } })
  }
  await importModel(url, gemma, await fetchGemma(cache, say), gemmaRecipe)
}

/** Uploads a GGUF file unless the server has its bytes, then creates `model` from it. `more` goes into /api/create as it is. */
export async function importModel(url: string, model: string, path: string, more: object = {}): Promise<void> {
  const digest = `sha256:${await sha256(path)}`
  const blob = `${url}/api/blobs/${digest}`
  if (!(await fetch(blob, { method: 'HEAD' })).ok) await upload(blob, path)
  const response = await fetch(`${url}/api/create`, {
    method: 'POST',
    body: JSON.stringify({ model, files: { 'model.gguf': digest }, stream: false, ...more }),
  })
  const answer = await response.text()
  if (!response.ok || !answer.includes('"success"')) throw new Error(`${model} was not created: ${answer}`)
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function upload(url: string, path: string): Promise<void> {
  const { size } = await stat(path)
  const post = request(url, { method: 'POST', headers: { 'content-length': size } })
  const answered = new Promise<number>((resolve, reject) => {
    post.once('error', reject)
    post.once('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
  })
  await Promise.all([pipeline(createReadStream(path), post), answered])
  const status = await answered
  if (status !== 201 && status !== 200) throw new Error(`the server did not take ${path}: status ${status}`)
}
