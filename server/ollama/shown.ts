// What /api/show tells of a model that decides which requests share its runner: the weights, the Modelfile's own runner options,
// and the facts of the model that bend what is asked for. Reads one answer; keeps nothing.

import { runnerOptions, type ModelFacts, type RunnerOptions } from '../job/affinity.ts'
import { fieldsOf } from './answer.ts'

export interface Shown {
  /** The blobs of FROM and ADAPTER; undefined where the manifest's digest is what the target tells runners apart by. */
  weights: string | undefined
  parameters: RunnerOptions
  facts: ModelFacts
}

/** Undefined when it is no answer of /api/show. */
export function readShown(answer: unknown): Shown | undefined {
  const { modelfile, parameters, model_info, details, capabilities } = fieldsOf(answer)
  if (typeof modelfile !== 'string') return undefined
  const facts = factsIn(fieldsOf(model_info), fieldsOf(details), capabilities)
  return {
    weights: facts.mlx ? undefined : weightsIn(modelfile),
    parameters: parametersIn(typeof parameters === 'string' ? parameters : ''),
    facts,
  }
}

function factsIn(
  info: Record<string, unknown>,
  { format, family, families }: Record<string, unknown>,
  capabilities: unknown,
): ModelFacts {
  const trained = info[`${String(info['general.architecture'])}.context_length`]
  const kin: unknown[] = [family, ...(Array.isArray(families) ? families : [])]
  return {
    ...(typeof trained === 'number' && trained > 0 ? { trainedContext: trained } : {}),
    vision: Array.isArray(capabilities) && capabilities.includes('vision'),
    shifts: !kin.includes('deepseek2'),
    mlx: format === 'safetensors',
  }
}

/** The blob of each FROM and ADAPTER that isn't commented out or part of a text. The weights come first. */
function weightsIn(modelfile: string): string | undefined {
  const commands = modelfile.replaceAll(/"""[^]*?"""/g, '""')
  const blobs = [...commands.matchAll(/^[ \t]*(FROM|ADAPTER)\s.*sha256-([0-9a-f]{64})/gim)]
  const from = blobs.filter(([, command]) => command!.toUpperCase() === 'FROM')
  const adapters = blobs.filter(([, command]) => command!.toUpperCase() !== 'FROM')
  return from.length === 0 ? undefined : [...from, ...adapters].map(([, , hash]) => `sha256-${hash}`).join('+')
}

/** The runner options among the parameters of /api/show: a name, spaces and a value per line. */
function parametersIn(text: string): RunnerOptions {
  const options: Record<string, unknown> = {}
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^(\w+)\s+(\S+)\s*$/.exec(line) ?? []
    if (value === 'true' || value === 'false') options[name] = value === 'true'
    else if (/^-?\d+(\.\d+)?$/.test(value)) options[name] = Number(value)
  }
  return runnerOptions('/api/generate', { options })
}
