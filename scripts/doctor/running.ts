// The foreman that runs, if one does: whether it is ready, and whether callers who follow its links come to it.

import Database from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../server/config.ts'
import { isLoopback, isWildcard, urlOf } from '../../server/setting/address.ts'
import type { Asker } from './ask.ts'
import { about, type Finding } from './finding.ts'

type Settings = Pick<Config, 'listen' | 'publicUrl' | 'tokens' | 'data'>

export async function examineRunning(settings: Settings, asker: Asker): Promise<Finding[]> {
  const { ok, fail } = about('foreman')
  const { listen, data } = settings
  const url = urlOf(listen)
  const answer = listen.port === 0 ? 'its port is 0, any free one' : await asker.ask('this machine', `${url}/readyz`)
  if (typeof answer === 'string') {
    if (isHeld(join(data, 'foreman.lock'))) return [fail(`one has ${data}, and does not answer at ${url}: ${answer}`)]
    return [ok('none runs here'), ...examineLinks(settings)]
  }
  const checks = answer.json.checks as { name: string; status: string; detail?: string }[] | undefined
  if (!Array.isArray(checks)) return [fail(`somebody else answers at ${url}`)]
  const wrong = checks
    .filter(({ status }) => status === 'fail')
    .map(({ name, detail }) => `${name} ${detail ?? ''}`.trim())
  const state = wrong.length === 0 ? ok(`ready at ${url}`) : fail(`not ready at ${url}: ${wrong.join(', ')}`)
  return [state, ...(await examineWayBack(settings, url, asker))]
}

/** Whether a process has the lock of a data folder; a read needs it to be free. */
function isHeld(path: string): boolean {
  if (!existsSync(path)) return false
  let lock: Database.Database | undefined
  try {
    lock = new Database(path, { readonly: true, timeout: 0 })
    lock.prepare('SELECT 1 FROM sqlite_schema').all()
    return false
  } catch (error) {
    return String((error as { code?: string }).code).startsWith('SQLITE_BUSY')
  } finally {
    lock?.close()
  }
}

/** What can be said of links without following one. */
function examineLinks({ listen, publicUrl }: Settings): Finding[] {
  const { ok, warn } = about('links')
  if (publicUrl === null) return [ok('lead to where foreman will listen')]
  // Unset, it is taken from where foreman listens: a wildcard becomes this machine's own loopback.
  const lost = isWildcard(listen.host) && isLoopback(new URL(publicUrl).hostname)
  return [
    lost ? warn(`lead to ${publicUrl}, which nobody else reaches: set FOREMAN_PUBLIC_URL`) : ok(`lead to ${publicUrl}`),
  ]
}

/** Whether FOREMAN_PUBLIC_URL leads back to this very process, by the moment of its start. */
async function examineWayBack(settings: Settings, url: string, asker: Asker): Promise<Finding[]> {
  const { publicUrl, tokens } = settings
  const [sight] = examineLinks(settings)
  if (publicUrl === null || publicUrl === url || sight?.verdict === 'warn') return sight ? [sight] : []
  const { ok, warn, fail } = about('links')
  const alive = await asker.ask('the edge', `${publicUrl}/livez`)
  if (typeof alive === 'string') return [warn(`${publicUrl} cannot be reached from here: ${alive}`)]
  if (alive.json.status !== 'alive')
    return [fail(`${publicUrl} does not lead to foreman: /livez is answered ${alive.status}`)]
  const headers: Record<string, string> = tokens[0] === undefined ? {} : { authorization: `Bearer ${tokens[0]}` }
  const born = await Promise.all(
    [url, publicUrl].map(async (base) => birthOf(await asker.ask('this machine', `${base}/metrics`, { headers }))),
  )
  // An edge may keep the figures to itself.
  if (born.includes(undefined)) return [ok(`${publicUrl} leads to a foreman, perhaps this one`)]
  return [born[0] === born[1] ? ok(`${publicUrl} leads back here`) : fail(`${publicUrl} leads to another foreman`)]
}

function birthOf(answer: Awaited<ReturnType<Asker['ask']>>): string | undefined {
  return typeof answer === 'string' ? undefined : /^process_start_time_seconds (\S+)/m.exec(answer.text)?.[1]
}
