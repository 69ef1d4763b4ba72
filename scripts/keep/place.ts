// Where foreman's database lies: in the folder that FOREMAN_DATA names, in the environment or in .env. The other settings
// are not looked at, as a backup must not fail for one of them.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../server/config.ts'
import { Refusal } from './refusal.ts'

export interface Place {
  readonly folder: string
  readonly database: string
  readonly lock: string
}

export function placeOf(env: NodeJS.ProcessEnv = process.env): Place {
  if (existsSync('.env')) process.loadEnvFile('.env')
  let folder: string
  try {
    folder = loadConfig({ FOREMAN_DATA: env.FOREMAN_DATA }, () => '').data
  } catch (error) {
    throw new Refusal((error as Error).message, 2)
  }
  return { folder, database: join(folder, 'foreman.db'), lock: join(folder, 'foreman.lock') }
}

/** A moment (wall milliseconds) as names of files have it: `20261126T053000Z`. */
export function stamp(wall: number): string {
  return new Date(wall).toISOString().replaceAll(/[-:]|\.\d+/g, '')
}
