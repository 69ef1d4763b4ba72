// The settings, as `npm start -- --check` reads them, and the Node that reads them.

import { existsSync, readFileSync } from 'node:fs'
import { ConfigError, loadConfig, type Config } from '../../server/config.ts'
import { isLoopback } from '../../server/setting/address.ts'
import { about, type Finding } from './finding.ts'

const { ok, warn, fail } = about('settings')

/** The settings, undefined when they are wrong; a finding for each mistake. */
export function examineSettings(env: NodeJS.ProcessEnv): { config: Config | undefined; findings: Finding[] } {
  try {
    if (existsSync('.env')) process.loadEnvFile('.env')
    const config = loadConfig(env, (path) => readFileSync(path, 'utf8'))
    const open = config.tokens.length === 0 && !isLoopback(config.listen.host)
    return {
      config,
      findings: [open ? warn('whoever reaches foreman may do everything: there is no token') : ok('fine')],
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) return { config: undefined, findings: [fail((error as Error).message)] }
    const lines = error.mistakes.map(({ variable, given, accepted }) =>
      fail(`${variable} is ${given}; accepted: ${accepted}`),
    )
    return { config: undefined, findings: lines }
  }
}

/** The Node that this runs on, which the daemon is started with, too. */
export function examineNode(version = process.versions.node): Finding {
  const node = about('node')
  const enough = Number(version.split('.')[0]) >= 24
  return enough ? node.ok(`${version}`) : node.fail(`${version}, and foreman needs 24 or newer: npm start brings it`)
}
