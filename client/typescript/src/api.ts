// The types of foreman's API, taken from the server's router. Types only: no server code comes along.

import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import type { AppRouter } from '../../../server/http/router.ts'

export type { AppRouter }
export type Inputs = inferRouterInputs<AppRouter>
export type Outputs = inferRouterOutputs<AppRouter>
export type Job = Outputs['jobs']['get']
export type SubmitJob = Inputs['jobs']['submit']

/** What went wrong, as foreman's routes say it (RFC 9457). */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  errors?: { pointer: string; detail: string }[]
  retry_after_s?: number
  job_id?: string
}
