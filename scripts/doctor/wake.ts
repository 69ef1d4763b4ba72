// Wake-on-LAN: whether a packet sent from here could reach the machine that is to wake. None is sent.

import { existsSync } from 'node:fs'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import type { Config } from '../../server/config.ts'
import { isLoopback } from '../../server/setting/address.ts'
import { about, type Finding } from './finding.ts'

type Settings = Pick<Config, 'wakeMac' | 'wakeBroadcast' | 'target'>

/** Where the packet would be sent from. */
export interface Surroundings {
  readonly addresses: readonly Pick<NetworkInterfaceInfo, 'address' | 'netmask' | 'family' | 'internal'>[]
  readonly container: boolean
}

export function surroundings(): Surroundings {
  const container = ['/.dockerenv', '/run/.containerenv'].some((path) => existsSync(path))
  return { addresses: Object.values(networkInterfaces()).flatMap((all) => all ?? []), container }
}

export function examineWake(
  { wakeMac, wakeBroadcast, target }: Settings,
  { addresses, container }: Surroundings,
): Finding {
  const { ok, warn, fail } = about('wake-on-lan')
  if (wakeMac === null) return ok('not set: a target that sleeps is waited for')
  const first = Number.parseInt(wakeMac.slice(0, 2), 16)
  if (/^[0:-]+$/.test(wakeMac) || first % 2 === 1)
    return fail(`FOREMAN_WAKE_MAC ${wakeMac} is no address of one machine`)
  if (isLoopback(new URL(target).hostname))
    return warn(`the target ${target} is on this machine, which nobody needs to wake`)
  const outer = addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)
  const broadcasts = outer.map(({ address, netmask }) => broadcastOf(address, netmask))
  // A bridge between containers hands no broadcast on to the network behind it; with host networking there are others.
  if (
    container &&
    outer.length > 0 &&
    outer.every(({ address }) => /^(172\.(1[6-9]|2\d|3[01])|10\.8[89])\./.test(address))
  )
    return warn(
      'in a container on a bridge, which keeps broadcasts to itself: it wants host networking (deploy/compose.host.yaml)',
    )
  if (wakeBroadcast !== '255.255.255.255' && !broadcasts.includes(wakeBroadcast))
    return warn(
      `FOREMAN_WAKE_BROADCAST ${wakeBroadcast} is of no network that this machine is in (${broadcasts.join(', ') || 'none'})`,
    )
  return ok(`${wakeMac} by ${wakeBroadcast}`)
}

function broadcastOf(address: string, netmask: string): string {
  const mask = netmask.split('.').map(Number)
  return address
    .split('.')
    .map((part, i) => Number(part) | (255 - (mask[i] ?? 255)))
    .join('.')
}
