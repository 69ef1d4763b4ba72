// The list of models that are to be there: a name a line, perhaps with `num_ctx=N`, and comments behind a `#`.

export interface Wanted {
  /** As it is written. */
  readonly name: string
  /** The context length that is to be the model's own; undefined leaves it as it comes. */
  readonly numCtx: number | undefined
}

/** A list that cannot be read; the message has a line for each mistake. */
export class ListError extends Error {}

/** Throws ListError with every mistake in it. */
export function readList(text: string): Wanted[] {
  const wanted: Wanted[] = []
  const mistakes: string[] = []
  const seen = new Set<string>()
  for (const [at, line] of text.split('\n').entries()) {
    const [name, ...rest] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (!name) continue
    const wrong = (what: string) => mistakes.push(`line ${at + 1}: ${what}`)
    const [, pin] = /^num_ctx=([1-9]\d{0,7})$/.exec(rest[0] ?? '') ?? []
    if (/[=\\"']/.test(name)) wrong(`${name} is no name of a model`)
    if (rest.length > 1 || (rest.length === 1 && pin === undefined))
      wrong(`"${rest.join(' ')}" after ${name}: only num_ctx=N may stand there`)
    if (seen.has(fullName(name))) wrong(`${name} is listed twice`)
    seen.add(fullName(name))
    wanted.push({ name, numCtx: pin === undefined ? undefined : Number(pin) })
  }
  if (mistakes.length > 0) throw new ListError(mistakes.join('\n'))
  if (wanted.length === 0) throw new ListError('no model is listed')
  return wanted
}

/** The name as Ollama lists it, for comparing: with its tag, without what it takes for granted, in lower case. */
export function fullName(name: string): string {
  const tagged = /:[^/]*$/.test(name) ? name : `${name}:latest`
  return tagged.toLowerCase().replace(/^(?:registry\.ollama\.ai\/)?(?:library\/)?/, '')
}
