// The words of the command line: its commands, their arguments and options. What each does is in the file of its name.

import { Command, InvalidArgumentError, Option } from 'commander'
import type { Job } from '../api.ts'
import { artifacts } from './artifacts.ts'
import { Caller, usual, type CallerOptions } from './caller.ts'
import { change, get, list, type Include, type ListOptions } from './jobs.ts'
import type { Output } from './output.ts'
import { pull } from './pull.ts'
import { plan, status } from './queue.ts'
import { run, type RunOptions } from './run.ts'
import type { Session } from './session.ts'
import { submit, type SubmitOptions } from './submit.ts'
import { watch } from './watch.ts'

export interface Surroundings {
  version: string
  output: Output
  signal: AbortSignal
  stdin: NodeJS.ReadStream
  /** Called with what a command was given before it runs. */
  onCaller: (caller: { token: boolean }) => void
  /** Called with its exit code. */
  onEnd: (exit: number) => void
}

const states: Job['state'][] = ['queued', 'loading', 'working', 'done', 'failed', 'canceled']

const footer = `
Exit codes: 0 done, 1 failed (a job, a pull, a file), 2 usage, 3 foreman or its target cannot be reached,
4 refused (no such job, a token that is missing or wrong), 130 interrupted.`

/** Throws commander's own error for what was typed wrong, and whatever the command throws. */
export function programOf({ version, output, signal, stdin, onCaller, onEnd }: Surroundings): Command {
  const program = new Command('foreman')
    .description('Jobs for a foreman, and the queue and the Ollama behind it.')
    .version(version)
    .addOption(new Option('--url <url>', 'where foreman is').env('FOREMAN_URL').default(usual))
    .addOption(new Option('--token <token>', 'one of its tokens').env('FOREMAN_TOKEN'))
    .addOption(new Option('--token-file <file>', 'a file with it').env('FOREMAN_TOKEN_FILE'))
    .option('--json', 'results as JSON, one value a line; errors too')
    .addHelpText('after', footer)
    .configureOutput({ writeOut: (text) => output.write(text), writeErr: () => undefined })
    .exitOverride()
  program.on('option:json', () => (output.json = true))

  const does = (command: (session: Session) => Promise<number>) => async () => {
    const { url, token, tokenFile } = program.opts<CallerOptions>()
    const caller = new Caller({ url, token: typedFile(program) ? undefined : token, tokenFile })
    onCaller({ token: caller.token !== undefined })
    onEnd(await command({ caller, output, signal, stdin }))
  }

  program
    .command('run <model> <prompt>')
    .description(
      'ask a model as a job and write its answer as it comes; Ctrl-C cancels the job; - reads the prompt from a pipe',
    )
    .option('--system <text>', 'the system prompt')
    .option('--label <key=value>', 'a label of the job; may be repeated', labelled)
    .option('--timeout <seconds>', 'longest working time', whole)
    .action((model: string, prompt: string, { label, timeout, system }: Typed) => {
      const options: RunOptions = { system, labels: label, timeout_s: timeout }
      return does((session) => run(session, model, prompt, options))()
    })

  program
    .command('submit <file>')
    .description('hand over jobs from a file (- is a pipe), a JSON object a line, and write their ids')
    .option('--key <prefix>', 'keys are this and the number of the line: again makes no second jobs', named)
    .action((file: string, options: SubmitOptions) => does((session) => submit(session, file, options))())

  program
    .command('watch [id]')
    .description('the queue as it changes, until Ctrl-C; or one job until it ends')
    .action((id: string | undefined) => does((session) => watch(session, id))())

  program
    .command('get <id>')
    .description('one job')
    .option('--include <what>', 'request or response, too; may be repeated', included, [])
    .action((id: string, { include }: { include: Include[] }) => does((session) => get(session, id, include))())

  program
    .command('list')
    .description('jobs, newest first')
    .addOption(new Option('--state <state...>', 'only in these states').choices(states))
    .option('--model <model>', 'only of this model')
    .option('--label <key=value>', 'only with this label; key:value, too', asQuery)
    .option('--limit <count>', 'at most so many', whole, 50)
    .action((options: ListOptions) => does((session) => list(session, options))())

  for (const [verb, description] of [
    ['cancel', 'stop jobs'],
    ['retry', 'queue failed or canceled jobs again'],
  ] as const)
    program
      .command(`${verb} <id...>`)
      .description(description)
      .action((ids: string[]) => does((session) => change(session, verb, ids))())

  program
    .command('artifacts <id>')
    .description('what a job has made: a list, or with -o the files')
    .option('-o, --output <dir>', 'write them into this folder')
    .action((id: string, { output: folder }: { output?: string }) =>
      does((session) => artifacts(session, id, folder))(),
    )

  program
    .command('pull <model...>')
    .description('bring models to the target')
    .action((models: string[]) => does((session) => pull(session, models))())

  program
    .command('plan')
    .description('what is expected to run when')
    .option('--limit <count>', 'at most so many jobs', whole, 100)
    .action(({ limit }: { limit: number }) => does((session) => plan(session, limit))())

  program.command('status').description('the queue and the target at a glance').action(does(status))

  return program
}

/** Whether the token is to be found in a file that was named here: what is typed goes before the environment. */
function typedFile(program: Command): boolean {
  const typed = (name: string) => program.getOptionValueSource(name) === 'cli'
  return typed('tokenFile') && !typed('token')
}

interface Typed {
  system?: string
  label?: Record<string, string>
  timeout?: number
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.')
  return Number(text)
}

function included(text: string, before: Include[]): Include[] {
  if (text !== 'request' && text !== 'response') throw new InvalidArgumentError('Expected request or response.')
  return [...before, text]
}

/** A variable of a script that is not set would make one key of every file's first line. */
function named(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected a word.')
  return text
}

/** A label as `run` takes it, as GET /jobs takes it. */
function asQuery(text: string): string {
  return text.includes(':') ? text : text.replace('=', ':')
}

function labelled(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected key=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
