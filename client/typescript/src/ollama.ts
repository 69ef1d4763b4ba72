// The shapes of Ollama that the facade takes and returns. Fields that are not named here pass through untouched.

export interface Message {
  role: string
  content: string
  images?: string[] | undefined
  [field: string]: unknown
}

interface Common {
  model: string
  options?: Record<string, unknown> | undefined
  keep_alive?: string | number | undefined
  [field: string]: unknown
}

export interface ChatRequest extends Common {
  messages: Message[]
  tools?: unknown[] | undefined
  format?: 'json' | object | undefined
  think?: boolean | string | undefined
}

export interface GenerateRequest extends Common {
  prompt: string
  system?: string | undefined
  images?: string[] | undefined
  format?: 'json' | object | undefined
}

export interface EmbedRequest extends Common {
  input: string | string[]
}

/** Durations are nanoseconds, as Ollama has them. */
interface Metrics {
  model: string
  total_duration?: number
  load_duration?: number
  prompt_eval_count?: number
  prompt_eval_duration?: number
  eval_count?: number
  eval_duration?: number
}

export interface ChatResponse extends Metrics {
  created_at: string
  message: Message & { thinking?: string; tool_calls?: unknown[] }
  done: boolean
  done_reason?: string
}

export interface GenerateResponse extends Metrics {
  created_at: string
  response: string
  thinking?: string
  done: boolean
  done_reason?: string
  context?: number[]
}

export interface EmbedResponse extends Metrics {
  embeddings: number[][]
}
