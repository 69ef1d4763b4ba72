// The public face of the client.

export { Foreman, type ForemanOptions, type CallOptions } from './foreman.ts'
export { ForemanError } from './error.ts'
export type {
  ChatRequest,
  ChatResponse,
  EmbedRequest,
  EmbedResponse,
  GenerateRequest,
  GenerateResponse,
} from './ollama.ts'
export type { Job, Problem, SubmitJob } from './api.ts'
