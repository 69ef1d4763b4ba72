// The receivers in Go and Python that docs/webhooks.md shows, with the libraries of Standard Webhooks as their makers ship them.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ports, receiverIn } from '../receiver.harness.ts'
import { describeReceiver } from '../receiver.suite.ts'
import { buildGo } from './go.ts'
import { python } from './python.ts'

const at = (port: number, language: string) => receiverIn(language).replace(`${ports.webhooks}`, `${port}`)

describeReceiver('Go', async (folder, port) => [await buildGo(at(port, 'go'), folder)])

describeReceiver('Python', async (folder, port) => {
  const file = join(folder, 'receiver.py')
  writeFileSync(file, at(port, 'py'))
  return [python.program('python'), file]
})
