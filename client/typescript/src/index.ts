// The public face of the client.

export { Foreman } from './foreman.ts'
export type { ConnectionOptions as ForemanOptions, SignalOptions } from './connection.ts'
export type { CallOptions, StreamOptions } from './order.ts'
export type { Jobs, WaitOptions } from './jobs.ts'
export type { EventsOptions, JobEvent, QueueEvent } from './events.ts'
export { ForemanError, type ErrorCode } from './error.ts'
export { webhooks, type WebhookCall, type WebhookHeaders, type Webhooks } from './webhook.ts'
export type {
  ChatRequest,
  ChatResponse,
  EmbedRequest,
  EmbedResponse,
  GenerateRequest,
  GenerateResponse,
  Message,
} from './ollama.ts'
export type { AppRouter, Inputs, Job, Outputs, Problem, SubmitJob } from './api.ts'
