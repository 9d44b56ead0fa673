/**
 * What encryption costs: put and get of one large body through an encrypted store over memory, beside the same without
 * encryption, typage, and the program `age` where it is installed; then many small bodies. Prints a JSON line with MB/s
 * and ratios (above 1: ours is faster). Rounds alternate, medians count.
 * `npm run build && node dist/bench/encryption.js [--mib 1024] [--rounds 3] [--files 2000] [--kib 100] [--place /dev/shm]`
 */
import { spawnSync } from 'node:child_process'
import { randomBytes, randomFillSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Decrypter, Encrypter } from 'age-encryption'
import { memoryBody } from '../src/vault/body.ts'
import { generateIdentity, recipientOf } from '../src/vault/encryption/age/x25519.ts'
import { encryptedStore } from '../src/vault/encryption/encrypted-store.ts'
import type { Bytes, Store } from '../src/vault/store.ts'
import { median } from './process.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    files: { type: 'string', default: '2000' },
    kib: { type: 'string', default: '100' },
    place: { type: 'string', default: tmpdir() },
  },
})

const MIB = 1024 * 1024
const size = Number(values.mib) * MIB
const block = randomFillSync(Buffer.allocUnsafe(MIB))
const identity = generateIdentity()
const keys = {
  writer: { recipient: recipientOf(identity), nameKey: randomBytes(32).toString('hex') },
  identities: [identity],
}

async function* body(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += MIB) yield block
}

/** Keeps pieces as they come: what is measured is not the store. */
const barrel = (): Store => {
  const kept = new Map<string, Uint8Array[]>()
  return {
    traits: { maxConcurrency: 1, localRoot: null },
    put: async (key, { open }) => {
      const pieces: Uint8Array[] = []
      for await (const piece of open()) pieces.push(piece)
      kept.set(key, pieces)
      return true
    },
    get: async (key) =>
      (async function* (): Bytes {
        yield* kept.get(key) ?? []
      })(),
    stat: async () => null,
    async *list() {},
    delete: async (key) => {
      kept.delete(key)
    },
  }
}

const drain = async (bytes: Bytes): Promise<void> => {
  let total = 0
  for await (const piece of bytes) total += piece.byteLength
  if (total !== size) throw new Error(`${total} bytes came back`)
}

const seconds = async (run: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await run()
  return (performance.now() - began) / 1000
}

type Times = { put: number; get: number }

const throughStore = async (store: Store): Promise<Times> => {
  const put = await seconds(() => store.put('x', { size, open: body }))
  const get = await seconds(async () => drain(await store.get('x')))
  await store.delete('x')
  return { put, get }
}

const webStream = (source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> => {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
  })
}

const throughTypage = async (): Promise<Times> => {
  const encrypter = new Encrypter()
  encrypter.addRecipient(keys.writer.recipient)
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const kept: Uint8Array[] = []
  const put = await seconds(async () => {
    for await (const piece of await encrypter.encrypt(webStream(body()))) kept.push(piece)
  })
  async function* sealed(): AsyncGenerator<Uint8Array> {
    yield* kept
  }
  const get = await seconds(async () => drain(await decrypter.decrypt(webStream(sealed()))))
  return { put, get }
}

/** From file to file, in memory if `--place` is; the whole process is measured. */
const throughAge = async (folder: string): Promise<Times> => {
  const plain = join(folder, 'plain')
  const sealed = join(folder, 'sealed')
  const secret = join(folder, 'secret')
  const file = openSync(plain, 'w')
  for (let at = 0; at < size; at += MIB) writeFileSync(file, block)
  closeSync(file)
  writeFileSync(secret, identity)
  const run = async (...args: string[]): Promise<void> => {
    const { status, stderr } = spawnSync('age', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  }
  const put = await seconds(() => run('-r', keys.writer.recipient, '-o', sealed, plain))
  rmSync(plain)
  const get = await seconds(() => run('-d', '-i', secret, '-o', plain, sealed))
  rmSync(sealed)
  return { put, get }
}

const smallOnes = async (): Promise<Times> => {
  const store = encryptedStore(barrel(), keys)
  const bytes = block.subarray(0, Number(values.kib) * 1024)
  const count = Number(values.files)
  const put = await seconds(async () => {
    for (let n = 0; n < count; n++) await store.put(`${n}`, memoryBody(bytes))
  })
  const get = await seconds(async () => {
    for (let n = 0; n < count; n++) for await (const _ of await store.get(`${n}`));
  })
  return { put: count / put, get: count / get }
}

const hasAge = spawnSync('age', ['--version']).status === 0
const folder = mkdtempSync(join(values.place, 'cloudkeep-bench-'))
const ways: Record<string, () => Promise<Times>> = {
  plain: () => throughStore(barrel()),
  ours: () => throughStore(encryptedStore(barrel(), keys)),
  typage: throughTypage,
  ...(hasAge && { age: () => throughAge(folder) }),
}
try {
  const measured: Record<string, Times[]> = {}
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [name, run] of Object.entries(ways)) measured[name] = [...(measured[name] ?? []), await run()]
  const rate = (name: string, what: keyof Times): number | null =>
    measured[name] === undefined ? null : size / 1e6 / median(measured[name].map((times) => times[what]))
  const of = (name: string) => ({ put: rate(name, 'put'), get: rate(name, 'get') })
  const over = (name: string) => {
    const [ours, theirs] = [of('ours'), of(name)]
    return {
      put: theirs.put === null ? null : (ours.put ?? 0) / theirs.put,
      get: theirs.get === null ? null : (ours.get ?? 0) / theirs.get,
    }
  }
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' ? Math.round(value * 100) / 100 : value
  const megabytes = Object.fromEntries(Object.keys(ways).map((name) => [name, of(name)]))
  const ratios = { typage: over('typage'), age: hasAge ? over('age') : 'age is not installed' }
  const small = { kib: Number(values.kib), perSecond: await smallOnes() }
  console.log(
    JSON.stringify({ mib: Number(values.mib), megabytesPerSecond: megabytes, timesAsFastAs: ratios, small }, rounded),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
