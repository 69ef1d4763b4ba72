import Database from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openDatabase, type OpenDatabase } from './database.ts'
import { StoreUnusable } from './folder.ts'
import { afterwards, look, temporaryFolder } from './store.harness.ts'

const migrations = join(import.meta.dirname, 'migrations')

/** An open database that is closed after the test, if it was not before. */
function open(folder: string, from = migrations): OpenDatabase {
  const opened = openDatabase(folder, process.pid, from)
  afterwards(() => opened.close())
  return opened
}

const tables = ({ db }: OpenDatabase) =>
  db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all()

const pragma = ({ db }: OpenDatabase, name: string) => db.pragma(name, { simple: true })

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('a commit means "on disk"', () => {
  const lasting = {
    auto_vacuum: 2,
    journal_mode: 'wal',
    synchronous: 2,
    fullfsync: 1,
    secure_delete: 1,
    foreign_keys: 1,
  }
  const read = (opened: OpenDatabase) =>
    Object.fromEntries(Object.keys(lasting).map((name) => [name, pragma(opened, name)]))

  test('the settings that make it so hold after a write, where this build would fall back, and after a reopen', () => {
    const folder = temporaryFolder()
    const first = open(folder)
    first.db.exec("INSERT INTO setting VALUES ('a', '1')")
    expect(read(first)).toEqual(lasting)
    first.close()

    const second = open(folder)
    expect(read(second)).toEqual(lasting)
    second.db.exec("INSERT INTO setting VALUES ('b', '2')")
    expect(read(second)).toEqual(lasting)
  })

  test('a file system that cannot do so is refused, as SQLite would not say a word', () => {
    const real = Database.prototype.pragma
    const spy = vi.spyOn(Database.prototype, 'pragma').mockImplementation(function (this: Database.Database, ...given) {
      return given[0] === 'journal_mode = WAL' ? 'delete' : real.apply(this, given)
    })
    afterwards(() => spy.mockRestore())
    expect(() => open(temporaryFolder())).toThrow(/journal_mode is delete/)
    expect(spy).toHaveBeenCalledWith('journal_mode = WAL')
  })

  test('freed pages can be given back: the header says so, which only an empty database can be told', () => {
    const folder = temporaryFolder()
    open(folder).close()
    const plain = look(folder)
    expect(plain.pragma('auto_vacuum', { simple: true })).toBe(2)
  })
})

describe('the folder', () => {
  test('is made, with everything above it, for its owner only; so are the files', () => {
    const folder = join(temporaryFolder(), 'a', 'b')
    const opened = open(folder)
    opened.db.exec("INSERT INTO setting VALUES ('a', '1')")
    expect(mode(folder)).toBe('700')
    const files = readdirSync(folder).filter((name) => !name.endsWith('-journal'))
    expect(files.sort()).toEqual(['foreman.db', 'foreman.db-shm', 'foreman.db-wal', 'foreman.lock'])
    for (const file of readdirSync(folder)) expect([file, mode(join(folder, file))]).toEqual([file, '600'])
  })

  test('is closed to others when it was open, files included, and files made later are born closed', () => {
    const folder = temporaryFolder()
    open(folder).close()
    chmodSync(folder, 0o755)
    for (const file of readdirSync(folder)) chmodSync(join(folder, file), 0o644)
    const opened = open(folder)
    expect(mode(folder)).toBe('700')
    opened.db.exec("INSERT INTO setting VALUES ('a', '1')")
    opened.db.pragma('wal_checkpoint(TRUNCATE)')
    opened.db.exec("INSERT INTO setting VALUES ('b', '1')")
    for (const file of readdirSync(folder)) expect([file, mode(join(folder, file))]).toEqual([file, '600'])
  })

  test('of others is refused and left as it is; one with only what a file system or a tool keeps there is taken', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'lost+found'))
    writeFileSync(join(folder, '.gitkeep'), '')
    open(folder).close()
    const home = temporaryFolder()
    chmodSync(home, 0o755)
    writeFileSync(join(home, 'thesis.tex'), '')
    const refusal = `the data folder ${home} holds what is not foreman's: give it one of its own`
    expect(() => open(home)).toThrow(new StoreUnusable(refusal))
    expect([mode(home), readdirSync(home)]).toEqual(['755', ['thesis.tex']])
  })

  test('that is a file is refused with a plain line', () => {
    const file = join(temporaryFolder(), 'data')
    writeFileSync(file, '')
    expect(() => open(file)).toThrow(StoreUnusable)
    expect(() => open(file)).toThrow(/^cannot use the data folder .*data: /)
  })
})

describe('one foreman a folder', () => {
  async function holder(folder: string) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.child.ts'), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    afterwards(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return child
  }

  test('a second one is told who holds it, the main file can be read meanwhile, and SIGKILL frees it', async () => {
    const folder = temporaryFolder()
    const child = await holder(folder)
    const refusal = new StoreUnusable(
      `another foreman (process ${child.pid}) is using this data folder: ${join(folder, 'foreman.lock')} is locked`,
    )
    expect(() => open(folder)).toThrow(refusal)
    // Looking at who holds the lock must not take it away.
    expect(() => open(folder)).toThrow(refusal)

    const reader = look(folder)
    const held = reader.prepare("SELECT value FROM setting WHERE name = 'holder'").get()
    expect(held).toEqual({ value: String(child.pid) })
    await reader.backup(join(folder, 'backup.db'))
    expect(existsSync(join(folder, 'backup.db'))).toBe(true)

    child.kill('SIGKILL')
    await once(child, 'exit')
    const opened = open(folder)
    expect(opened.readonly).toBeNull()
    expect(opened.db.prepare("SELECT value FROM setting WHERE name = 'holder'").get()).toEqual(held)
  })

  test('a lock that is taken but says nothing yet is a lock', () => {
    const folder = temporaryFolder()
    const first = new Database(join(folder, 'foreman.lock'))
    afterwards(() => first.close())
    first.exec('BEGIN EXCLUSIVE')
    expect(() => open(folder)).toThrow(/^another foreman is using this data folder: .* is locked$/)
  })

  test('a closed one can be opened again', () => {
    const folder = temporaryFolder()
    open(folder).close()
    expect(open(folder).readonly).toBeNull()
  })
})

describe('a database that is not ours to open', () => {
  test('is one of a newer foreman', () => {
    const folder = temporaryFolder()
    const opened = open(folder)
    const known = Number(pragma(opened, 'user_version'))
    opened.db.pragma(`user_version = ${known + 1}`)
    opened.close()
    expect(() => open(folder)).toThrow(
      new StoreUnusable(`the database is from a newer foreman (schema ${known + 1}, this one knows ${known})`),
    )
  })

  test.each([
    ['garbage', (path: string) => writeFileSync(path, 'not a database, but long enough to be looked at'.repeat(100))],
    ['a file cut off', (path: string) => truncateSync(path, 5000)],
  ])('is %s: one plain line, and nothing of it is changed', (_, damage) => {
    const folder = temporaryFolder()
    open(folder).close()
    const path = join(folder, 'foreman.db')
    damage(path)
    const found = readFileSync(path)
    expect(() => open(folder)).toThrow(StoreUnusable)
    expect(() => open(folder)).toThrow(/foreman\.db is damaged \([^\n]*\): restore a backup or move it away$/)
    expect(readFileSync(path).equals(found)).toBe(true)
  })

  test('is one whose lock is garbage: the line names the lock, not the database', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'foreman.lock'), 'garbage'.repeat(1000))
    expect(() => open(folder)).toThrow(/foreman\.lock is damaged/)
  })

  test('is one that another program is writing to', () => {
    const folder = temporaryFolder()
    open(folder).close()
    const other = look(folder)
    const opened = open(folder)
    opened.db.pragma('user_version = 0')
    opened.close()
    other.exec('BEGIN IMMEDIATE')
    expect(() => open(folder)).toThrow(/^another program is writing to /)
  })

  test('and a refusal lets go of everything, so that what was mended can be opened', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'foreman.db'), 'garbage'.repeat(1000))
    expect(() => open(folder)).toThrow(StoreUnusable)
    writeFileSync(join(folder, 'foreman.db'), '')
    expect(open(folder).readonly).toBeNull()
  })
})

describe('migrations', () => {
  function written(files: Record<string, string>): string {
    const folder = temporaryFolder()
    for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql)
    return folder
  }
  test('run in their order, each once', () => {
    const folder = temporaryFolder()
    const from = written({
      '0001_a.sql': 'CREATE TABLE a (x INTEGER) STRICT;',
      '0002_b.sql': 'CREATE TABLE b (x INTEGER) STRICT; INSERT INTO a VALUES (1);',
      'README.md': 'not one',
    })
    const first = open(folder, from)
    expect([tables(first), pragma(first, 'user_version')]).toEqual([['a', 'b'], 2])
    first.close()
    writeFileSync(join(from, '0003_c.sql'), 'CREATE TABLE c (x INTEGER) STRICT;')
    const second = open(folder, from)
    expect([tables(second), pragma(second, 'user_version')]).toEqual([['a', 'b', 'c'], 3])
    expect(second.db.prepare('SELECT count(*) FROM a').pluck().get()).toBe(1)
  })

  test('that fail leave nothing half: neither their tables nor their number, but what came before', () => {
    const folder = temporaryFolder()
    const from = written({
      '0001_a.sql': 'CREATE TABLE a (x INTEGER) STRICT;',
      '0002_b.sql': 'CREATE TABLE b (x INTEGER) STRICT; INSERT INTO a VALUES (1); SELECT nonsense FROM nowhere;',
    })
    expect(() => open(folder, from)).toThrow(/nowhere/)
    writeFileSync(join(from, '0002_b.sql'), 'CREATE TABLE c (x INTEGER) STRICT;')
    const opened = open(folder, from)
    expect([tables(opened), pragma(opened, 'user_version')]).toEqual([['a', 'c'], 2])
    expect(opened.db.prepare('SELECT count(*) FROM a').pluck().get()).toBe(0)
  })
})

describe('a folder that cannot be written', () => {
  /** A data folder whose lock nobody can take, root included: SQLite says the same on a mount that is read-only. */
  function unlockable(prepared: (opened: OpenDatabase) => void): string {
    const folder = temporaryFolder()
    const first = open(folder)
    prepared(first)
    first.close()
    rmSync(join(folder, 'foreman.lock'))
    mkdirSync(join(folder, 'foreman.lock'))
    return folder
  }
  const jobsIn = ({ db }: OpenDatabase) => db.prepare('SELECT count(*) FROM job').pluck().get()
  const write = ({ db }: OpenDatabase) => db.exec("INSERT INTO setting VALUES ('b', '1')")

  test('shows what is in it and refuses every write, saying why', () => {
    const opened = open(unlockable(({ db }) => db.exec("INSERT INTO setting VALUES ('a', '1')")))
    expect(opened.readonly).toMatch(/^EISDIR: .*foreman\.lock'$/)
    expect(opened.db.prepare('SELECT value FROM setting').pluck().get()).toBe('1')
    expect(() => write(opened)).toThrow(/readonly/)
  })

  test.runIf(process.platform === 'linux')('and is not even there is opened as an empty one', () => {
    const opened = open('/sys/there-is-no-such-folder')
    expect(opened.readonly).toMatch(/\w/)
    expect(jobsIn(opened)).toBe(0)
    expect(() => write(opened)).toThrow(/readonly/)
  })

  /** Done by somebody who is not root, from whom file modes keep things. */
  function asNobody(work: () => void): void {
    process.seteuid?.(65534)
    try {
      work()
    } finally {
      process.seteuid?.(0)
    }
  }

  const asRoot = test.runIf(process.getuid?.() === 0)

  /** A data folder with one setting in it that everybody may read and nobody write. */
  function readable(): string {
    const folder = temporaryFolder()
    const first = open(folder)
    first.db.exec("INSERT INTO setting VALUES ('a', '1')")
    first.close()
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o444)
    chmodSync(folder, 0o555)
    return folder
  }

  asRoot('is read all the same, where SQLite itself would have to make a file beside the database', () => {
    const folder = readable()
    asNobody(() => {
      const opened = open(folder)
      expect(opened.readonly).toMatch(/\w/)
      expect(opened.db.prepare('SELECT value FROM setting').pluck().get()).toBe('1')
      expect(() => write(opened)).toThrow(/readonly/)
    })
  })

  asRoot('is read all the same when its tables are those of an older foreman', () => {
    const folder = readable()
    const from = temporaryFolder()
    cpSync(migrations, from, { recursive: true })
    writeFileSync(join(from, '9000_more.sql'), 'CREATE TABLE more (x INTEGER) STRICT;')
    chmodSync(from, 0o755)
    asNobody(() => {
      const opened = open(folder, from)
      expect(opened.db.prepare('SELECT value FROM setting').pluck().get()).toBe('1')
      expect(tables(opened)).toContain('more')
    })
  })

  asRoot('says what the system says of it, and is refused when it is not there and may not be made', () => {
    const folder = readable()
    asNobody(() => {
      expect(open(folder).readonly).toBe(`EACCES: permission denied, open '${join(folder, 'foreman.lock')}'`)
      const missing = join(folder, 'data')
      const why = `EACCES: permission denied, mkdir '${missing}'`
      expect(() => open(missing)).toThrow(new StoreUnusable(`cannot use the data folder ${missing}: ${why}`))
    })
  })

  asRoot('is refused when its database cannot be read, or not all of it, or not even seen', () => {
    const unreadable = readable()
    chmodSync(join(unreadable, 'foreman.db'), 0o000)
    const unfinished = readable()
    writeFileSync(join(unfinished, 'foreman.db-wal'), 'x'.repeat(5000))
    const unseen = temporaryFolder()
    asNobody(() => {
      for (const folder of [unreadable, unfinished, unseen]) expect(() => open(folder)).toThrow(StoreUnusable)
    })
  })

  test('and has half of a file in it, as a full disk leaves one, is opened as an empty one', () => {
    const folder = unlockable(() => undefined)
    rmSync(join(folder, 'foreman.db'))
    writeFileSync(join(folder, 'foreman.db'), '')
    expect(jobsIn(open(folder))).toBe(0)
  })

  test('is still refused when its database is from a newer foreman, or damaged', () => {
    const folder = unlockable(({ db }) => db.pragma('user_version = 9999'))
    expect(() => open(folder)).toThrow(/newer foreman/)
    writeFileSync(join(folder, 'foreman.db'), 'garbage'.repeat(1000))
    expect(() => open(folder)).toThrow(/is damaged/)
  })
})
