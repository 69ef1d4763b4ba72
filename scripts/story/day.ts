// The day, told as what happens when.

import { models } from './mac.ts'
import type { Story } from './story.ts'

export interface Happening {
  /** The first `at` is the beginning, and an earlier one than that before it is of the next day. */
  at: string
  what: string
  /** `part`: how much of it this run has, of so many jobs or of so much time. */
  happen: (story: Story, part: (of: number) => number) => unknown
}

const minute = 60_000
const hour = 60 * minute
const [small, middle, large] = models

/** Three jobs again and again, all day. */
async function trickle({ hours, programs }: Story, times: number): Promise<void> {
  const followers: Promise<void>[] = []
  for (let left = times; left > 0; left--, await hours.pause((12 * hour) / times)) {
    await programs.hand(2)
    followers.push(programs.followed())
  }
  await Promise.all(followers)
}

export const day: readonly Happening[] = [
  {
    at: '23:00',
    what: '400 summaries over three models, for a Mac that sleeps; a packet wakes it',
    happen: ({ programs }, part) => programs.hand(part(400)),
  },
  {
    at: '23:40',
    what: 'foreman is redeployed while a job runs and a caller waits for another',
    happen: async (story) => {
      const awaited = story.programs.awaited()
      await story.working()
      await story.redeploy()
      await awaited
    },
  },
  { at: '00:10', what: 'the lid is shut in the middle of a job', happen: ({ mac }) => mac.shut() },
  { at: '00:40', what: 'the lid is opened', happen: ({ mac }) => mac.open() },
  {
    at: '01:00',
    what: 'foreman is killed while a job runs',
    happen: async (story) => {
      await story.working()
      await story.kill()
    },
  },
  { at: '06:00', what: '20 jobs wake the Mac', happen: ({ programs }, part) => programs.hand(part(20)) },
  {
    at: '08:00',
    what: 'a few jobs, again and again until the evening',
    happen: (story, part) => trickle(story, part(72)),
  },
  { at: '08:55', what: '60 jobs over three models', happen: ({ programs }, part) => programs.hand(part(60)) },
  {
    at: '09:00',
    what: 'a person chats, with pauses',
    happen: ({ people }, part) => people.chat(middle, part(1.5 * hour)),
  },
  { at: '10:25', what: '60 jobs over three models', happen: ({ programs }, part) => programs.hand(part(60)) },
  {
    at: '10:30',
    what: 'an editor asks without a pause: jobs claim turns',
    happen: ({ people }, part) => people.complete(large, part(1.5 * hour)),
  },
  { at: '12:00', what: 'the receivers are out for two hours', happen: ({ receiver }) => receiver.out(2 * hour) },
  { at: '12:05', what: '40 jobs that nobody can be told of', happen: ({ programs }, part) => programs.hand(part(40)) },
  { at: '14:55', what: '40 jobs over three models', happen: ({ programs }, part) => programs.hand(part(40)) },
  { at: '15:00', what: 'the disk is full for forty minutes', happen: (story) => story.fill(40 * minute) },
  { at: '15:10', what: 'a person chats meanwhile', happen: ({ people }) => people.chat(small, 20 * minute) },
  { at: '15:15', what: '10 jobs that are taken only later', happen: ({ programs }, part) => programs.hand(part(10)) },
  { at: '17:00', what: 'somebody pauses the queue for twenty minutes', happen: (story) => story.pause(20 * minute) },
  { at: '17:05', what: '20 jobs meanwhile', happen: ({ programs }, part) => programs.hand(part(20)) },
  {
    at: '17:10',
    what: 'a job that must start within five minutes',
    happen: ({ programs }) => programs.one({ within: 5 * minute, fails: 'start_by_passed' }),
  },
  { at: '18:00', what: '20 jobs', happen: ({ programs }, part) => programs.hand(part(20)) },
  { at: '18:02', what: 'Ollama is updated: ten minutes', happen: ({ mac }) => mac.restart(10 * minute) },
  {
    at: '19:00',
    what: '5 jobs, the first of which Ollama refuses',
    happen: async (story) => {
      story.refuse(3)
      await story.programs.hand(5)
    },
  },
  {
    at: '19:05',
    what: 'a job for a model that is not there',
    happen: ({ programs }) => programs.one({ model: 'nobody', fails: 'model_missing' }),
  },
  { at: '22:00', what: '100 jobs of the next night', happen: ({ programs }, part) => programs.hand(part(100)) },
]

/** Milliseconds from the beginning of the day. */
export function due({ at }: Happening): number {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
  return ((minutes(at) - minutes(day[0]!.at) + 24 * 60) % (24 * 60)) * minute
}
