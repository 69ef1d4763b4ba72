// What an operator switched at run time and expects to find again after a restart.

import type Database from 'better-sqlite3'

export class Settings {
  #get
  #set

  constructor(db: Database.Database) {
    this.#get = db.prepare<[string], { value: string }>('SELECT value FROM setting WHERE name = ?')
    this.#set = db.prepare<[string, string]>('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)')
  }

  get(name: string): string | undefined {
    return this.#get.get(name)?.value
  }

  set(name: string, value: string): void {
    this.#set.run(name, value)
  }
}
