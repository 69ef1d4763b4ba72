// The target: whether it answers, as which Ollama, and with which models.

import type { Config } from '../../server/config.ts'
import type { Asker } from './ask.ts'
import { about, type Finding } from './finding.ts'

type Settings = Pick<Config, 'target' | 'targetToken' | 'wakeMac'>

export async function examineTarget({ target, targetToken, wakeMac }: Settings, asker: Asker): Promise<Finding[]> {
  const { ok, warn, fail } = about('target')
  const headers: Record<string, string> = targetToken === null ? {} : { authorization: `Bearer ${targetToken}` }
  const get = (path: string) => asker.ask('the target', target + path, { headers })
  const version = await get('/api/version')
  if (typeof version === 'string') {
    if (wakeMac !== null) return [warn(`${target}: ${version}; foreman will try to wake it when somebody waits`)]
    return [fail(`${target}: ${version}; jobs wait until it is there`)]
  }
  if (/^40[13]$/.test(String(version.status)))
    return [fail(`${target} answers ${version.status}: FOREMAN_TARGET_TOKEN is missing or another one`)]
  if (version.status !== 200 || typeof version.json.version !== 'string')
    return [fail(`${target} answers /api/version with ${version.status}, and not as Ollama does`)]
  const [root, loaded] = [await get('/'), await get('/api/ps')]
  const itself = typeof root !== 'string' && root.text.trim() === 'Ollama is running'
  const listing = typeof loaded !== 'string' && Array.isArray(loaded.json.models)
  const found = `${target}, Ollama ${version.json.version}`
  const kind = !listing
    ? fail(`${found}, but it does not say what is in memory (/api/ps)`)
    : itself
      ? ok(found)
      : warn(
          `${target} says that it is Ollama ${version.json.version}, and does not greet as Ollama does: another program, or one before it`,
        )
  return [kind, await examineModels(get), await examineResponses(target, headers, asker)]
}

async function examineModels(get: (path: string) => ReturnType<Asker['ask']>): Promise<Finding> {
  const { ok, warn, fail } = about('models')
  const tags = await get('/api/tags')
  if (typeof tags === 'string' || !Array.isArray(tags.json.models))
    return fail('the target does not list any (/api/tags)')
  const names = (tags.json.models as { name: string }[]).map(({ name }) => name)
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and more` : names.join(', ')
  return names.length === 0
    ? warn('none: npm run pull-models brings those of deploy/models.txt')
    : ok(`${names.length}: ${shown}`)
}

/** A question without a model, which is refused wherever the route is. */
async function examineResponses(target: string, headers: Record<string, string>, asker: Asker): Promise<Finding> {
  const { ok, warn } = about('/v1/responses')
  const answer = await asker.ask('the target', `${target}/v1/responses`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{}',
  })
  const there = typeof answer !== 'string' && answer.status !== 404
  return there ? ok('there') : warn("missing: OpenAI's Responses and their background mode need Ollama 0.13.3 or newer")
}
