// The child's side of the benchmark: answers questions of the process that started it, by name. Asking is child.ts.

/** What goes over the channel to a child. */
export interface Question {
  id: number
  ask: string
  input: unknown
}

/** What comes back. `ready` comes first, once, from children that listen; the rest belongs to questions. */
export type Message = { ready: number } | { id: number; value: unknown } | { id: number; error: string }

/** Answers questions by these names from now on; names it does not know are somebody else's. */
export function answer(handlers: Readonly<Record<string, (input: never) => unknown>>): void {
  process.on('message', ({ id, ask, input }: Question) => {
    const handler = handlers[ask]
    if (!handler) return
    Promise.resolve(input as never)
      .then(handler)
      .then(
        (value) => say({ id, value }),
        (error: unknown) => say({ id, error: String((error as Error).stack) }),
      )
  })
}

/** Tells that this child listens on a port of loopback. */
export function ready(port: number): void {
  say({ ready: port })
}

function say(message: Message): void {
  process.send?.(message)
}
