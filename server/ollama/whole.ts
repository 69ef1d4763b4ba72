// An answer that comes as one JSON body: `/api/embed` and everything under /v1, asked not to stream. The bytes are
// kept as received; only the few members that foreman reads are looked at.

import { fieldsOf, imagesOf, nativeUsage, v1Usage, type Answer } from './answer.ts'
import { MemberScan, valueOf, type Members } from './members.ts'
import { isEmbedding, isNative, type Endpoint } from '../job/submit.ts'

export class Whole {
  readonly #endpoint: Endpoint
  readonly #scan = new MemberScan()
  #pieces: Buffer[] = []

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /** Takes the next piece of the body. Throws SyntaxError when it can't be one JSON object. */
  add(piece: Buffer): void {
    this.#scan.write(piece)
    this.#pieces.push(piece)
  }

  /** The answer, or `{error}` with the body when it is an error in a 200. Throws SyntaxError when it isn't complete. */
  answer(): Answer | { error: Buffer } {
    const response = Buffer.concat(this.#pieces)
    const members = this.#scan.end(response)
    // Responses carries `"error": null` when all is well.
    if (valueOf(members, 'error')) return { error: response }
    const usage = isNative(this.#endpoint) ? nativeUsage(members) : v1Usage(members)
    if (isEmbedding(this.#endpoint)) return { response, usage, text: '', images: [] }
    return { response, usage, text: textIn(members), images: imagesOf(picturesIn(members)) }
  }
}

/** The text of a `/v1` answer, whichever of the four shapes it has. */
function textIn(members: Members): string {
  const choice = fieldsOf(fieldsOf(valueOf(members, 'choices'))[0])
  const message = fieldsOf(choice.message)
  // Responses lists items whose content has parts; Messages lists the parts themselves.
  const items = [...list(valueOf(members, 'output')), ...list(valueOf(members, 'content'))]
  const parts = items.flatMap((item) => (Array.isArray(item.content) ? list(item.content) : [item]))
  const texts = [message.content, choice.text, ...parts.filter(isText).map((part) => part.text)]
  return texts.filter((piece) => typeof piece === 'string').join('')
}

/** The pictures of a `/v1` answer: beside the text of a chat, results of calls in Responses. */
function picturesIn(members: Members): unknown[] {
  const { message } = fieldsOf(fieldsOf(valueOf(members, 'choices'))[0])
  const urls = list(fieldsOf(message).images).map((part) => fieldsOf(part.image_url).url)
  const calls = list(valueOf(members, 'output')).filter(({ type }) => type === 'image_generation_call')
  return [...urls, ...calls.map(({ result }) => result)]
}

const isText = (part: Record<string, unknown>) => part.type === 'text' || part.type === 'output_text'
const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.map(fieldsOf) : [])
