// The GGUF v3 file format, as far as a small float model needs it: metadata of a few types and F32 tensors, to bytes.
// What a model consists of is tiny.ts's knowledge; nothing here knows an architecture or a tokenizer.

/** One metadata entry. `u32`, `i32` and `f32` hold one number; the arrays are typed by their elements. */
export type GgufValue =
  | { type: 'u32'; value: number }
  | { type: 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: string[] }
  | { type: 'i32s'; value: number[] }
  | { type: 'f32s'; value: number[] }

/** One F32 tensor. `dims` in ggml's order: the fastest-varying first. */
export interface GgufTensor {
  name: string
  dims: number[]
  data: Float32Array
}

/** A whole file. The order of `metadata` is kept: llama.cpp reads any, Ollama wants the model's keys before the tokenizer's. */
export interface Gguf {
  metadata: [key: string, value: GgufValue][]
  tensors: GgufTensor[]
}

const typeCode = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 }
const f32Tensor = 0
const alignment = 32
const aligned = (length: number) => Math.ceil(length / alignment) * alignment

/** The file's bytes, in pieces that are written one after the other. */
export function encodeGguf({ metadata, tensors }: Gguf): Buffer[] {
  const pieces: Buffer[] = []
  let length = 0
  const push = (piece: Buffer) => {
    pieces.push(piece)
    length += piece.length
  }
  const u32 = (value: number) => {
    const piece = Buffer.alloc(4)
    piece.writeUInt32LE(value)
    push(piece)
  }
  const i32 = (value: number) => {
    const piece = Buffer.alloc(4)
    piece.writeInt32LE(value)
    push(piece)
  }
  const f32 = (value: number) => {
    const piece = Buffer.alloc(4)
    piece.writeFloatLE(value)
    push(piece)
  }
  const u64 = (value: number) => {
    const piece = Buffer.alloc(8)
    piece.writeBigUInt64LE(BigInt(value))
    push(piece)
  }
  const string = (value: string) => {
    const piece = Buffer.from(value, 'utf8')
    u64(piece.length)
    push(piece)
  }
  const array = <T>(element: number, values: T[], one: (value: T) => void) => {
    u32(typeCode.array)
    u32(element)
    u64(values.length)
    values.forEach(one)
  }
  const entry = (entry: GgufValue) => {
    if (entry.type === 'strings') return array(typeCode.string, entry.value, string)
    if (entry.type === 'i32s') return array(typeCode.i32, entry.value, i32)
    if (entry.type === 'f32s') return array(typeCode.f32, entry.value, f32)
    u32(typeCode[entry.type])
    if (entry.type === 'u32') u32(entry.value)
    else if (entry.type === 'f32') f32(entry.value)
    else if (entry.type === 'bool') push(Buffer.from([entry.value ? 1 : 0]))
    else if (entry.type === 'string') string(entry.value)
  }

  push(Buffer.from('GGUF'))
  u32(3)
  u64(tensors.length)
  u64(metadata.length)
  for (const [key, value] of metadata) {
    string(key)
    entry(value)
  }
  let offset = 0
  for (const { name, dims, data } of tensors) {
    string(name)
    u32(dims.length)
    dims.forEach(u64)
    u32(f32Tensor)
    u64(offset)
    offset = aligned(offset + data.byteLength)
  }
  push(Buffer.alloc(aligned(length) - length))
  for (const { data } of tensors) {
    push(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    push(Buffer.alloc(aligned(data.byteLength) - data.byteLength))
  }
  return pieces
}
