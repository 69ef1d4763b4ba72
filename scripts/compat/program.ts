// What the suite knows of a client program: what it is asked to do, what comes of that, and what is particular about it. Each
// program is a file beside this one and a row in programs.ts; what is asked of all of them is in the *.compat.ts files.

/** What a program's user calls and a page has a column for: an inference, or what stands around it. */
export const capabilities = ['list', 'chat', 'stream', 'abort', 'tools', 'structured', 'embed', 'missing'] as const
export type Capability = (typeof capabilities)[number]
/** What becomes a job by a header. */
export type Inference = 'chat' | 'stream' | 'embed'
/** The four calls of OpenAI's background mode. */
export type Background = 'respond' | 'retrieve' | 'cancel' | 'delete'

/** One call, by somebody who has the program's documentation and nothing else. */
export interface Ask {
  /** Of foreman or of Ollama itself, without a path. */
  url: string
  call: Exclude<Capability, 'missing'> | Background
  /** Of foreman's, given by the program's own means. */
  token?: string
  /** Sent along by the program's own means. */
  headers?: Record<string, string>
  /** Of all but `list` and what is about a response. */
  model?: string
  /** What is said to the model. */
  text?: string
  /** A function for the model to call, of `tools`. */
  tool?: { name: string; description: string; parameters: object }
  /** What the answer has to satisfy, of `structured`. */
  schema?: object
  /** Further members of the body of `respond`. */
  more?: Record<string, unknown>
  /** The response that `retrieve`, `cancel` and `delete` are about. */
  id?: string
}

/** What the program's user is left with. */
export interface Outcome {
  /** The object that was returned, or the parts of a stream, as JSON: of `abort`, which ends it there, the first one. */
  answers: Record<string, unknown>[]
  /** What was thrown, or raised, after them; a status belongs to it if its class has one. */
  error?: { class: string; status?: number; message: string }
  /** The `Location` of the answer, where the program lets its user see heads. */
  location?: string
}

/** What the program's user sees of a 202 with a job in it. */
export interface Accepted {
  /** The job is the answer, or the first part of a stream. */
  job: boolean
  /** Class of what is thrown all the same. */
  error?: string
}

export interface Program {
  name: string
  /** Where its user puts the token, for the page. */
  token: string
  /** The machine's own, of whatever version. */
  unpinned?: boolean
  /** Takes long to install: called only when all are. */
  slow?: boolean
  /** What it does not offer, and why. */
  without?: Partial<Record<Capability, string>>
  /** Whether it knows OpenAI's background mode. */
  background?: boolean
  /** What it makes of a 202 where an answer belongs; absent for a call that never becomes a job, and for programs not asked. */
  accepted?: Partial<Record<Inference, Accepted>>
  /** Brings it up. Throws, naming what the machine lacks. */
  start(): Promise<Caller>
}

export interface Caller {
  /** Of the program that is called; said in the report. */
  version: string
  ask(ask: Ask): Promise<Outcome>
  stop(): void
}

/** Runs a call of a program that lives in this process. */
export async function outcomeOf(call: (outcome: Outcome) => Promise<void>): Promise<Outcome> {
  const outcome: Outcome = { answers: [] }
  try {
    await call(outcome)
  } catch (error) {
    const { constructor, name, message } = error as Error
    const { status, status_code = status } = error as { status?: number; status_code?: number }
    outcome.error = { class: constructor.name || name, status: status_code, message }
  }
  return outcome
}
