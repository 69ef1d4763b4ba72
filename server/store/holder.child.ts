// A process that holds a data folder until it is killed, for tests: it opens the store, writes one row, says so, waits.

import { writeSync } from 'node:fs'
import { Store } from './store.ts'

const store = new Store({ folder: process.argv[2] ?? '', owner: process.pid })
await store.commit.run('setting', () => store.settings.set('holder', String(process.pid)))
writeSync(1, 'ready\n')
setInterval(() => store.settings.get('holder'), 1000)
