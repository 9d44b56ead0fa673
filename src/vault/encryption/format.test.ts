import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { assert, asyncProperty, constantFrom, integer, nat, uint8Array } from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { collect } from '../../../test/contracts/store.ts'
import { isAppError } from '../../model/errors.ts'
import { memoryBody } from '../body.ts'
import { decodeBech32, encodeBech32 } from './age/bech32.ts'
import { PREFIX_SIZE, sealFor } from './age/header.ts'
import { plainSize, sealBytes, sealedSize, sealStream } from './age/payload.ts'
import { findIdentity, findRecipient, generateIdentity, parseRecipient, recipientOf } from './age/x25519.ts'
import { createKeyring, openFile } from './opening.ts'

const identity = generateIdentity()
const recipient = parseRecipient(recipientOf(identity))
const keyring = createKeyring({ identities: [generateIdentity(), identity] })
const CHUNK = 65536

const seal = (bytes: Uint8Array): Buffer => sealBytes(bytes, sealFor(recipient))
const open = (file: Uint8Array, pieceSize = file.length): Promise<Buffer> => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < file.length; at += pieceSize) yield file.subarray(at, at + pieceSize)
  }
  return collect(openFile(pieces(), keyring, 'the file'))
}
const isRefused = async (file: Uint8Array): Promise<boolean> =>
  open(file).then(
    () => false,
    (error: unknown) => isAppError(error, 'OBJECT_CORRUPT'),
  )

const lengths = [-2, -1, 0, 1, 2].flatMap((step) => [0, 1, 2, 3, 4, 5].map((chunks) => chunks * CHUNK + step))

describe('the format', () => {
  test.each(lengths.filter((length) => length >= 0))(
    'gives back %i bytes, and its length tells how many',
    async (length) => {
      const bytes = randomBytes(length)
      const file = seal(bytes)
      expect(file.length).toBe(sealedSize(length))
      expect(plainSize(file.length)).toBe(length)
      expect((await open(file)).equals(bytes)).toBe(true)
    },
  )

  test('is the same in pieces of any size, in both directions', async () => {
    const sizes = constantFrom(1, 2, 16, 183, 184, 185, 1000, CHUNK - 1, CHUNK, CHUNK + 16, CHUNK + 17, 3 * CHUNK)
    const run = asyncProperty(integer({ min: 0, max: 4 * CHUNK }), sizes, sizes, async (length, inSize, outSize) => {
      if (length / Math.min(inSize, outSize) > 5000) return
      const bytes = randomBytes(length)
      const sealing = sealFor(recipient)
      async function* source(): AsyncGenerator<Uint8Array> {
        // One buffer for all pieces, as a source may have it.
        const piece = Buffer.alloc(inSize)
        for (let at = 0; at < length; at += inSize) yield piece.subarray(0, bytes.copy(piece, 0, at, at + inSize))
      }
      const file = await collect(sealStream(source(), length, sealing, 'x'))
      expect(file.equals(sealBytes(bytes, sealing))).toBe(true)
      expect((await open(file, outSize)).equals(bytes)).toBe(true)
    })
    await assert(run, { numRuns: 60 })
  })

  test('has lengths that no two bodies share, and refuses the others', () => {
    const wrong: number[] = []
    let before = 0
    for (let size = 0; size < 3 * CHUNK; size++) {
      const sealed = sealedSize(size)
      if (sealed <= before || plainSize(sealed) !== size) wrong.push(size)
      for (let gap = before + 1; gap < sealed; gap++) if (plainSize(gap) !== null) wrong.push(gap)
      before = sealed
    }
    expect(wrong).toEqual([])
  })

  test('refuses a file in which any single bit was changed', async () => {
    const file = seal(randomBytes(40))
    for (let bit = 0; bit < file.length * 8; bit++) {
      const bad = Buffer.from(file)
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect([bit, await isRefused(bad)]).toEqual([bit, true])
    }
  })

  test('refuses a header whose Base64 has bits that nobody reads', async () => {
    const file = seal(randomBytes(40))
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    // The last letters of share, wrapped key and MAC.
    for (const at of [74, 118, 166]) {
      const value = letters.indexOf(String.fromCharCode(file[at] ?? 0))
      expect(value % 4).toBe(0)
      const bad = Buffer.from(file)
      bad.write(letters[value + 1] ?? '', at, 'latin1')
      expect([at, await isRefused(bad)]).toEqual([at, true])
    }
  })

  test('refuses a file that was cut anywhere or made longer', async () => {
    const file = seal(randomBytes(40))
    for (let length = 0; length < file.length; length++) expect(await isRefused(file.subarray(0, length))).toBe(true)
    expect(await isRefused(Buffer.concat([file, Buffer.alloc(1)]))).toBe(true)
  })

  test('refuses chunks that were changed, cut off, left out, exchanged or repeated', async () => {
    const file = seal(randomBytes(3 * CHUNK + 500))
    const chunk = (index: number): Buffer =>
      file.subarray(PREFIX_SIZE + index * (CHUNK + 16), PREFIX_SIZE + (index + 1) * (CHUNK + 16))
    const [head, a, b, c, d] = [file.subarray(0, PREFIX_SIZE), chunk(0), chunk(1), chunk(2), chunk(3)]
    for (const parts of [
      [a],
      [a, b],
      [a, b, c],
      [b, c, d],
      [a, c, d],
      [b, a, c, d],
      [a, b, c, c, d],
      [a, b, c, d, d],
      [d],
      [],
    ])
      expect(await isRefused(Buffer.concat([head, ...parts]))).toBe(true)
    await assert(
      asyncProperty(nat(file.length - 1), integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = Buffer.from(file)
        bad[at] = (bad[at] ?? 0) ^ change
        return isRefused(bad)
      }),
      { numRuns: 100 },
    )
    await assert(
      asyncProperty(nat(file.length - 1), (length) => isRefused(file.subarray(0, length))),
      { numRuns: 100 },
    )
  })

  test('gives out nothing of a chunk whose tag is wrong', async () => {
    const bytes = randomBytes(2 * CHUNK)
    const file = seal(bytes)
    file[file.length - 1] = (file.at(-1) ?? 0) ^ 1
    const got: Uint8Array[] = []
    const reading = async (): Promise<void> => {
      for await (const piece of openFile(memoryBody(file).open(), keyring, 'the file')) got.push(piece)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect(Buffer.concat(got).equals(bytes.subarray(0, CHUNK))).toBe(true)
  })

  test('refuses a body that is not as long as announced', async () => {
    for (const [size, bytes] of [
      [10, 9],
      [10, 11],
      [CHUNK, CHUNK - 1],
      [CHUNK, CHUNK + 1],
      [0, 1],
    ] as const) {
      const file = sealStream(memoryBody(Buffer.alloc(bytes)).open(), size, sealFor(recipient), 'x')
      await expect(collect(file)).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    }
  })
})

describe('keys as text', () => {
  test('are those of typage', async () => {
    for (let round = 0; round < 20; round++) {
      const theirs = await generateX25519Identity()
      expect(recipientOf(theirs)).toBe(await identityToRecipient(theirs))
      const ours = generateIdentity()
      expect(await identityToRecipient(ours)).toBe(recipientOf(ours))
    }
  })

  test('are refused with any letter changed, in mixed case, cut, or of another kind', () => {
    const text = recipientOf(identity)
    for (let at = 4; at < 54; at++) {
      const other = (letter: string | undefined): string => (letter?.toLowerCase() === 'q' ? 'p' : 'q')
      expect(findRecipient(text.slice(0, at) + other(text[at]) + text.slice(at + 1))).toBeNull()
      const letter = other(identity[at + 20])?.toUpperCase()
      expect(findIdentity(identity.slice(0, at + 20) + letter + identity.slice(at + 21))).toBeNull()
    }
    const others = [text.toUpperCase(), text.replace('age', 'Age'), text.slice(0, -1), identity, '', 'age1']
    for (const other of [...others, encodeBech32('age', Buffer.alloc(31)), encodeBech32('age', Buffer.alloc(33))])
      expect(findRecipient(other)).toBeNull()
    for (const other of [identity.toLowerCase(), text, encodeBech32('age-secret-key-', Buffer.alloc(31)).toUpperCase()])
      expect(findIdentity(other)).toBeNull()
  })

  test('give back any bytes', async () => {
    await assert(
      asyncProperty(uint8Array({ maxLength: 80 }), async (bytes) => {
        expect(decodeBech32('age', encodeBech32('age', bytes))).toEqual(Buffer.from(bytes))
      }),
    )
  })
})

describe('beside typage', () => {
  test('each opens what the other made', async () => {
    for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
      const bytes = randomBytes(length)
      const decrypter = new Decrypter()
      decrypter.addIdentity(identity)
      expect(Buffer.from(await decrypter.decrypt(new Uint8Array(seal(bytes)))).equals(bytes)).toBe(true)
      const encrypter = new Encrypter()
      encrypter.addRecipient(recipient.text)
      expect((await open(await encrypter.encrypt(new Uint8Array(bytes)))).equals(bytes)).toBe(true)
    }
  })
})

const hasAge = spawnSync('age', ['--version']).status === 0
if (!hasAge) console.warn('interoperation with age is not tested: age absent')

describe.skipIf(!hasAge)('beside age', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-age-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const age = (args: readonly string[], input: Uint8Array): Buffer => {
    const { status, stdout, stderr } = spawnSync('age', args, { input, maxBuffer: 2 ** 28 })
    expect([status, stderr.toString()]).toEqual([0, ''])
    return stdout
  }

  test('each opens what the other made', async () => {
    const file = join(folder, 'identity.txt')
    writeFileSync(file, `# a comment\n${identity}\n`)
    for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3]) {
      const bytes = randomBytes(length)
      expect(age(['-d', '-i', file], seal(bytes)).equals(bytes)).toBe(true)
      expect((await open(age(['-r', recipient.text], bytes))).equals(bytes)).toBe(true)
    }
  })

  test('identities of age-keygen have the recipient that it says', () => {
    const file = join(folder, 'keygen.txt')
    spawnSync('age-keygen', ['-o', file])
    const text = readFileSync(file, 'utf8')
    expect(recipientOf(/AGE-SECRET-KEY-1\S+/.exec(text)?.[0] ?? '')).toBe(/public key: (\S+)/.exec(text)?.[1])
  })

  test('a file for two recipients, or with a passphrase, is none of a vault', async () => {
    const other = recipientOf(generateIdentity())
    expect(await isRefused(age(['-r', recipient.text, '-r', other], Buffer.from('x')))).toBe(true)
    const encrypter = new Encrypter()
    encrypter.setPassphrase('a passphrase')
    encrypter.setScryptWorkFactor(10)
    expect(await isRefused(await encrypter.encrypt('x'))).toBe(true)
  })
})
