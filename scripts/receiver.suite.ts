// What every receiver that docs/webhooks.md shows has to do, whatever its language: believe what foreman sends while a secret is
// changed, refuse all else, and work on each state of a job once and never on an older one after a newer.

import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { setStage, shownAt, snippetsIn, textOf, type Stage } from './page.harness.ts'
import { Ear, ports, Receiver, signed, type ReceiverOptions, type Told } from './receiver.harness.ts'

const secrets = {
  old: 'whsec_b2xkZXIgc2VjcmV0LCAzMiBieXRlcyBvZiBpdCE=',
  new: 'whsec_bmV3ZXIgc2VjcmV0LCAzMiBieXRlcyBvZiBpdCE=',
  other: 'whsec_c29tZWJvZHkgZWxzZSdzLCAzMiBieXRlcyB0b28=',
}
const sixMinutes = 6 * 60_000

/** `prepare` answers with the command of a receiver that is to run in a folder and listen on a port. */
export function describeReceiver(language: string, prepare: (folder: string, port: number) => Promise<string[]>): void {
  describe(`the receiver in ${language}`, () => {
    let stage: Stage
    let ear: Ear
    const open: Receiver[] = []
    beforeAll(async () => {
      ear = new Ear()
      stage = await setStage(
        { models: ['llama3.2'] },
        { FOREMAN_WEBHOOK_SECRET: `${secrets.new},${secrets.old}`, FOREMAN_WEBHOOK_ALLOW: '127.0.0.1' },
      )
    })
    afterEach(async () => {
      for (const receiver of open.splice(0)) await receiver.stop()
    })
    afterAll(async () => {
      await stage?.close()
      ear.close()
    })

    async function receiver(secret: string): Promise<Receiver> {
      const folder = mkdtempSync(join(stage.folder, 'receiver-'))
      const one = await Receiver.start({ command: (port) => prepare(folder, port), folder, secret })
      open.push(one)
      return one
    }

    /** Hands in the job that the page shows, and `more` JSON in it, to be told about to a receiver. Resolves with its id. */
    async function submit(to: string, more = ''): Promise<string> {
      const shown = snippetsIn(textOf('docs', 'webhooks.md'), 'sh').find((text) => text.includes('"webhook"')) ?? ''
      const here = shown
        .replace(shownAt, stage.url)
        .replace(`http://127.0.0.1:${ports.webhooks}/hook`, to)
        .replace('"webhook"', `${more}"webhook"`)
        .replace('curl', "curl -sS --noproxy '*'")
      expect(here).toContain(`"${to}"`)
      const { stdout } = await promisify(execFile)('sh', ['-ec', here])
      return (JSON.parse(stdout) as { id: string }).id
    }

    test('is told of the job that is shown, and works on it', async () => {
      const told = await receiver(secrets.new)
      const id = await submit(told.url)
      const lines = [await told.works()]
      // A state that is told after a later one is passed over.
      if (lines[0] !== `job.done ${id}`) lines.unshift(await told.works())
      expect([`job.working ${id}`, `job.done ${id}`]).toEqual(expect.arrayContaining(lines))
    })

    test('believes foreman with the old secret and with the new one, and nobody with another', async () => {
      await submit(ear.url, '"labels": {"city": "Köln 東京 🚀"}, ')
      const call = await ear.hears()
      expect(call.body).toContain('"Köln 東京 🚀"')
      expect(call.headers['webhook-signature']?.split(' ')).toHaveLength(2)
      const statuses = []
      for (const secret of Object.values(secrets)) statuses.push(await (await receiver(secret)).tell(call))
      expect(statuses).toEqual([204, 204, 401])
    })

    test('refuses a changed byte, an old call and one without a signature', async () => {
      const told = await receiver(secrets.old)
      await submit(ear.url)
      const call = await ear.hears()
      const refused: Told[] = [
        { ...call, body: call.body.replace('llama', 'Llama') },
        { ...call, headers: { ...call.headers, 'webhook-id': 'msg_another' } },
        signed(secrets.old, 'msg_old', { id: 'job_1', sequence: 1 }, Date.now() - sixMinutes),
        { ...call, headers: {} },
      ]
      for (const one of refused) expect(await told.tell(one)).toBe(401)
      expect(await told.tell(call)).toBe(204)
    })

    test('works once on what comes twice, and not on what is older', async () => {
      const told = await receiver(secrets.old)
      const say = (id: string, job: string, sequence: number) =>
        told.tell(signed(secrets.old, id, { id: job, sequence }))
      expect(await say('msg_1', 'job_1', 5)).toBe(204)
      expect(await told.works()).toBe('job.done job_1')
      expect(await say('msg_1', 'job_1', 5)).toBe(204)
      expect(await say('msg_2', 'job_1', 4)).toBe(204)
      expect(await say('msg_3', 'job_2', 3)).toBe(204)
      expect(await told.works()).toBe('job.done job_2')
    })
  })
}

/** A receiver that a client's page shows: it works off what is signed, and refuses the same when its body was changed. */
export async function believesSignedOnly(options: ReceiverOptions, data: { id: string }): Promise<void> {
  const receiver = await Receiver.start(options)
  try {
    const told = signed(options.secret, 'msg_1', data)
    expect(await receiver.tell({ ...told, body: told.body.replace(data.id, 'job_2') })).toBe(401)
    expect(await receiver.tell(told)).toBe(204)
    expect(await receiver.works()).toBe(`job.done ${data.id}`)
  } finally {
    await receiver.stop()
  }
}
