// What is asked of the target through foreman: what it has, what a model is like, and to pull or to make one. What goes
// wrong is either over soon (Away), as a target sleeps or a network is cut, or stays so (Refused).

export interface Access {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
}

/** Nobody could be asked, or the answer broke off: it may be better later. `after_ms` is what foreman asks to wait. */
export class Away extends Error {
  readonly after_ms: number | undefined

  constructor(message: string, after_ms?: number) {
    super(message)
    this.after_ms = after_ms
  }
}

/** An answer that will be the same next time. */
export class Refused extends Error {}

/** A line of a pull: `total` and `completed` are bytes of the layer `digest`. */
export interface Step {
  status?: string
  digest?: string
  total?: number
  completed?: number
  error?: string
}

export class Foreman {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  /** Sizes in bytes by the names that the target lists. */
  async models(): Promise<Map<string, number>> {
    const { models } = (await this.#json('/api/tags')) as { models: { name: string; size: number }[] | null }
    return new Map((models ?? []).map(({ name, size }) => [name, size]))
  }

  /** The num_ctx of a model's own, undefined when it has none. Throws Refused when there is no such model. */
  async numCtx(model: string): Promise<number | undefined> {
    const { parameters = '' } = (await this.#json('/api/show', { model })) as { parameters?: string }
    const [, value] = /^num_ctx\s+(\d+)$/m.exec(parameters) ?? []
    return value === undefined ? undefined : Number(value)
  }

  /** Gives a model a num_ctx of its own, under its name and beside its other parameters. */
  async setNumCtx(model: string, numCtx: number): Promise<void> {
    const body = { model, from: model, parameters: { num_ctx: numCtx }, stream: false }
    const { status } = (await this.#json('/api/create', body)) as Step
    if (status !== 'success') throw new Refused(`num_ctx was not set: ${status}`)
  }

  /** The steps of a pull up to its success. A pull that was cut goes on where it was. */
  async *pull(model: string): AsyncGenerator<Step, void> {
    const answer = await this.#ask('/api/pull', { model })
    try {
      for await (const line of lines(answer)) {
        const step = JSON.parse(line) as Step
        if (step.error !== undefined) throw failed(step.error)
        yield step
        if (step.status === 'success') return
      }
    } catch (error) {
      if (error instanceof Refused) throw error
      throw new Away(error instanceof Away ? error.message : brokeOff)
    }
    throw new Away(brokeOff)
  }

  async #json(path: string, body?: object): Promise<unknown> {
    const answer = await this.#ask(path, body)
    const value: unknown = await answer.json().catch(() => undefined)
    if (typeof value === 'object' && value !== null) return value
    throw new Away(`${path} answered something else than JSON`)
  }

  async #ask(path: string, body?: object): Promise<Response> {
    const { url, token } = this.#access
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    const asked = { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) }
    const answer = await fetch(url + path, asked).catch((error: Error) => {
      throw new Away(`no answer from ${url}: ${reasonOf(error)}`)
    })
    if (answer.ok) return answer
    const said = wordsOf(await answer.text().catch(() => ''))
    if (answer.status === 401) throw new Refused(`${url} wants another token: FOREMAN_TOKEN or FOREMAN_TOKEN_FILE`)
    const after = Number(answer.headers.get('retry-after') ?? Number.NaN)
    if (/^(429|502|503|504)$/.test(String(answer.status)))
      throw new Away(said || `status ${answer.status}`, Number.isFinite(after) ? after * 1000 : undefined)
    if (answer.status >= 500) throw failed(said || `status ${answer.status}`)
    throw new Refused(said || `status ${answer.status} for ${path}`)
  }
}

const brokeOff = 'the pull broke off'

/** What Ollama calls an error: a name that nobody has stays so, a network that is down or a registry that is busy does not. */
function failed(text: string): Error {
  return /manifest: 4(?!08|29)\d\d:|file does not exist|not found|invalid model|unauthorized|requires a newer version|no space left/i.test(
    text,
  )
    ? new Refused(text)
    : new Away(text)
}

/** The words of a refusal: Ollama's `error`, or the `detail` of foreman's problem. */
function wordsOf(text: string): string {
  try {
    const { error, detail } = JSON.parse(text) as { error?: unknown; detail?: unknown }
    return String(error ?? detail ?? '')
  } catch {
    return ''
  }
}

function reasonOf(error: Error): string {
  const { code, message } = (error.cause ?? error) as { code?: string; message: string }
  return code ?? message
}

async function* lines(answer: Response): AsyncGenerator<string, void> {
  let rest = ''
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    const pieces = (rest + text).split('\n')
    rest = pieces.pop() ?? ''
    yield* pieces.filter((line) => line !== '')
  }
  if (rest !== '') yield rest
}
