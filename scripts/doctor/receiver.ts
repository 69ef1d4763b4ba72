// The receiver of webhooks that jobs get who name none: whether foreman may call it, and whether anybody answers. Nothing
// is delivered: it is asked by HEAD, unsigned.

import { Agent } from 'undici'
import type { Config } from '../../server/config.ts'
import { Guard } from '../../server/webhooks/guard.ts'
import type { Asker } from './ask.ts'
import { about, type Finding } from './finding.ts'

type Settings = Pick<Config, 'webhookUrl' | 'webhookAllow' | 'webhookSecrets'>

export async function examineReceiver(settings: Settings, asker: Asker): Promise<Finding> {
  const { ok, fail } = about('webhooks')
  const { webhookUrl, webhookAllow, webhookSecrets } = settings
  if (webhookUrl === null) {
    const said =
      webhookSecrets.length === 0 ? 'refused, as there is no secret' : 'signed; no receiver for jobs that name none'
    return ok(said)
  }
  const agent = new Agent({ connect: new Guard({ allow: webhookAllow, connectMs: 5_000 }).connect })
  try {
    const answer = await asker.ask('the receiver', webhookUrl, { method: 'HEAD' }, agent)
    const shown = new URL(webhookUrl).host
    if (typeof answer === 'string') return fail(`the receiver ${shown}: ${answer}`)
    return ok(`the receiver ${shown} answers (${answer.status} to an unsigned HEAD)`)
  } finally {
    await agent.destroy()
  }
}
