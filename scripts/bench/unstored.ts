// foreman with the store cut out of one route: POST /jobs comes through the same gate, adapter and validation and is
// answered with the same kind of job, but nothing is written. What storing costs is the difference.

import { readFileSync } from 'node:fs'
import pino from 'pino'
import { startApp } from '../../server/app.ts'
import { loadConfig } from '../../server/config.ts'
import { ready } from './answers.ts'
import { job } from './request.ts'

const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'))
const { queue, url } = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })

// One job that is stored, to be handed out for every other.
const [submitted] = await queue.submit([
  { input: { ...job, request: { ...job.request, endpoint: '/api/chat' } }, body: [Buffer.from(JSON.stringify(job))] },
])
if (!submitted) throw new Error('nothing was submitted')
const row = queue.find(submitted.job.id)
queue.submit = () => Promise.resolve([{ job: submitted.job, replayed: false }])
queue.find = () => row

ready(Number(new URL(url).port))
