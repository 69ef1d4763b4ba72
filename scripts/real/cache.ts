// Where the real run keeps what is slow to get: the built server, the model files, the model store, the server's logs.
// Nothing in it is precious; deleting the folder costs the next run a few minutes. Also the one way programs are run to fill it.
import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** `FOREMAN_TEST_CACHE`, else `foreman` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.FOREMAN_TEST_CACHE) return resolve(env.FOREMAN_TEST_CACHE)
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'foreman')
}

/** Runs a program to its end and answers its standard output; a failure tells the command and the last of what it said. */
export function runProgram(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      said += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const failed = (why: string) => {
      const tail = said.trim().split('\n').slice(-15).join('\n')
      reject(new Error(`${command} ${args.join(' ')}: ${why}${tail ? `\n${tail}` : ''}`))
    }
    child.once('error', (error) => failed(error.message))
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output)
      else failed(signal ? `ended by ${signal}` : `exit code ${code}`)
    })
  })
}
