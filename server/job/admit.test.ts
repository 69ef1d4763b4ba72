import { expect, test } from 'vitest'
import { admit } from './admit.ts'

test('every request of people goes to the target at once, whoever is there and whether its key can be told', () => {
  const inFlight = [{ key: 'm:latest', count: 3, since: 0, lastSeen: 50 }]
  for (const key of ['m:latest', 'other:latest', undefined]) {
    expect(admit({ now: 100, inFlight }, key)).toBe('forward')
    expect(admit({ now: 100, inFlight: [] }, key)).toBe('forward')
  }
})
