import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  GetObjectRetentionCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { BackupOptions } from '../src/backup/report.ts'
import { runBackupCommand } from '../src/backup-command.ts'
import { actAs, s3Client } from './bucket-rig.ts'
import { compile } from './child.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, differences, type Rig } from './rig.ts'
import { makeBucket } from './servers/buckets.ts'
import { hasRadosgw, type Radosgw, useRadosgw } from './servers/radosgw.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const DAY = 86_400_000
const policyFile = fileURLToPath(new URL('../docs/policies/aws/backup.json', import.meta.url))
const statements = z.object({
  Version: z.string(),
  Statement: z.array(
    z.object({ Sid: z.string(), Effect: z.string(), Action: z.array(z.string()), Resource: z.unknown() }),
  ),
})

const OPTIONS: BackupOptions = {
  ...{ dryRun: false, full: false, yesMassChange: false, delete: false, include: [], exclude: [], concurrency: 8 },
  ...{ details: 'none', remote: false, derived: false },
}

describe.skipIf(!hasRadosgw)('a bucket of a server that enforces locks', () => {
  let server: Radosgw
  let bucket: string
  let owner: S3Client
  let rig: Rig
  let folder: string

  const open = async (has: { lock: boolean }, query: string): Promise<void> => {
    server = await useRadosgw()
    owner = await s3Client()
    folder = await mkdtemp(join(tmpdir(), 'cloudkeep-locked-'))
    bucket = await makeBucket(server, has)
    await owner.send(new PutObjectCommand({ Bucket: bucket, Key: '.wellknown/cloudinary/testcloud', Body: '' }))
    actAs(server.owner)
    rig = await createRig({
      vault: `s3://${bucket}/vault?endpoint=${server.endpoint}${query}`,
      env: { CLOUDKEEP_CACHE: join(folder, 'cache') },
    })
    for (let n = 0; n < 6; n += 1)
      makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`), createdAt: Date.now() - DAY })
  }
  afterEach(async () => {
    await rig.close()
    owner.destroy()
    await rm(folder, { recursive: true, force: true })
  })

  const cli = (...argv: string[]): Promise<Done> => commandLine(argv, { variables: rig.env, cwd: folder })

  /** The rights of the second user, from a policy file for backups, perhaps without some of them. */
  const allowBackups = async (without: readonly string[] = []): Promise<void> => {
    const text = (await readFile(policyFile, 'utf8')).replaceAll('BUCKET', bucket).replaceAll('PREFIX', 'vault')
    const policy = statements.parse(JSON.parse(text))
    const Statement = policy.Statement.map((each) => ({
      ...each,
      Action: each.Effect === 'Deny' ? each.Action : each.Action.filter((action) => !without.includes(action)),
      Principal: { AWS: [`arn:aws:iam:::user/${server.writer.id}`] },
    })).filter(({ Action }) => Action.length > 0)
    await owner.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ ...policy, Statement }) }))
    actAs(server.writer)
  }

  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'vault/' }))
    return Contents.map(({ Key = '' }) => Key).sort()
  }
  const versions = async () => {
    const { Versions = [] } = await owner.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'vault/' }))
    return Versions.map(({ Key = '', VersionId = '' }) => ({ Key, VersionId }))
  }
  /** Days until which each version that matches is locked, counted from now. */
  const daysLocked = async (match: RegExp, by = owner): Promise<Map<string, number>> => {
    const found = new Map<string, number>()
    for (const { Key, VersionId } of (await versions()).filter((each) => match.test(each.Key))) {
      const { Retention } = await by.send(new GetObjectRetentionCommand({ Bucket: bucket, Key, VersionId }))
      found.set(Key, ((Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / DAY)
    }
    return found
  }
  const NEEDED = /^vault\/(objects|accounts)\//u

  describe('with object lock', () => {
    beforeEach(() => open({ lock: true }, '&lock=governance&lock-days=30'))

    /** A backup at another time, as far as locks are concerned. */
    const backupIn = async (days: number) => {
      const context = rig.context()
      const later = { ...context, now: () => new Date(Date.now() + days * DAY) }
      try {
        return await runBackupCommand(later, OPTIONS, () => undefined, new AbortController().signal)
      } finally {
        await context.close()
      }
    }

    test('what a later snapshot still needs has its lock prolonged, and what none needs has not', async () => {
      const first = await backupIn(0)
      expect(first.sealed).toMatchObject({ failed: [] })
      const before = await daysLocked(NEEDED)
      expect(before.size).toBeGreaterThan(8)
      for (const days of before.values()) expect(days).toBeGreaterThan(29)
      // Nothing changed and every lock lasts: only the new head has to be sealed.
      const next = await backupIn(1)
      expect(next.sealed?.sealed).toBeLessThanOrEqual(1)
      expect(next.sealed?.known).toBeGreaterThan(6)
      for (const asset of [...rig.cloud.shelf.scan()].slice(0, 1)) rig.cloud.shelf.remove(asset.assetId)
      const late = await backupIn(20)
      expect(late.sealed).toMatchObject({ failed: [] })
      expect(late.sealed?.sealed).toBeGreaterThan(5)
      const after = [...(await daysLocked(/^vault\/objects\//u))].filter(([key]) => before.has(key))
      const prolonged = after.filter(([, days]) => days > 49).length
      // Five of six assets and what is in the snapshot besides; the list of the first snapshot and the sixth asset are not.
      expect(prolonged).toBeGreaterThanOrEqual(5)
      expect(after.length - prolonged).toBeGreaterThanOrEqual(2)
      for (const [, days] of after) expect(days > 49 || days < 31).toBe(true)
    })

    test('a lock that cannot be prolonged is named, and the run ends with 3', async () => {
      expect((await cli('backup')).exit).toBe(0)
      await rm(join(folder, 'cache'), { recursive: true })
      await allowBackups(['s3:PutObjectRetention', 's3:GetObjectRetention'])
      const done = await cli('backup', '--json')
      expect(done.exit, done.err).toBe(3)
      const summary = done.records.at(-1)
      expect(summary).toMatchObject({ ok: false, complete: true, sealed: { failed: expect.any(Array) } })
      const { failed } = z
        .object({ sealed: z.object({ failed: z.array(z.record(z.string(), z.string())) }) })
        .parse(summary).sealed
      expect(failed.length).toBeGreaterThan(5)
      expect(failed).toContainEqual({
        key: expect.stringMatching(/^objects\//u),
        code: 'STORE_REFUSED',
        reason: expect.any(String),
      })
      expect((await cli('backup')).out).toMatch(/could not be, and may end too early\n[^\n]*cloudkeep\.json/u)
      await allowBackups()
      const protect = await cli('protect')
      expect(protect.exit, protect.out).toBe(0)
      expect((await cli('backup', '--json')).records.at(-1)).toMatchObject({ ok: true, sealed: { failed: [] } })
    })

    test('protect locks all of it again for all of the days; nothing takes a lock off', async () => {
      await backupIn(0)
      const done = await cli('protect', '--json')
      expect(done.exit, done.err).toBe(0)
      expect(done.records).toContainEqual(expect.objectContaining({ type: 'locks', cloud: 'testcloud', failed: [] }))
      expect((await cli('protect', '--off', '--json')).records.at(-1)).toMatchObject({
        ok: false,
        error: { code: 'VAULT_SEALED', hint: expect.stringContaining('end by themselves') },
      })
    })

    test('status tells the locks, as seen on objects', async () => {
      await cli('backup')
      const { out } = await cli('status')
      expect(out).toMatch(/\nprotection\n {2}(\d+) of \1 objects looked at are locked \(governance\) until \d{4}-/u)
      expect(out).toContain('these credentials may remove what is not locked (tried)')
      await allowBackups()
      expect((await cli('status')).out).toContain('these credentials cannot remove anything (tried)')
      await allowBackups(['s3:GetObjectRetention', 's3:GetBucketObjectLockConfiguration', 's3:GetBucketVersioning'])
      const blind = await cli('status')
      // Without the right to look whether the bucket locks, a vault with lock= is not opened at all.
      expect(blind.out).not.toContain('are locked')
    })

    test('a prune of what is locked says until when, and removes nothing; when the locks have ended it does', async () => {
      await cli('backup')
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later'), createdAt: Date.now() - DAY })
      for (const asset of [...rig.cloud.shelf.scan()].slice(0, 1)) rig.cloud.shelf.remove(asset.assetId)
      await cli('backup', '--yes-mass-change')
      const before = await versions()
      const prune = ['prune', '--keep-last', '1', '--grace', '0', '--yes', '--json']
      const refused = await cli(...prune)
      expect(refused.exit).toBe(1)
      expect(refused.records.at(-1)).toMatchObject({
        ok: false,
        error: {
          code: 'VAULT_SEALED',
          message: expect.stringMatching(/the snapshot that should go .* locked until \d{4}-/u),
          hint: expect.stringContaining('wait until then'),
        },
      })
      const purged = await cli('purge', 'later', '--all-versions', '--force', '--yes', '--json')
      expect(purged.records.at(-1)).toMatchObject({ error: { code: 'VAULT_SEALED' } })
      // Nothing but leases.
      const isVault = ({ Key }: { Key: string }): boolean => !Key.startsWith('vault/locks/')
      expect((await versions()).filter(isVault)).toEqual(before.filter(isVault))
      expect((await cli('verify', '--read', 'all')).exit).toBe(0)
      // The owner of the bucket ends the locks early, as the mode allows; then they are over.
      const soon = new Date(Date.now() + 2000)
      for (const { Key, VersionId } of await versions()) {
        const at = { Bucket: bucket, Key, VersionId, BypassGovernanceRetention: true }
        const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: soon } as const
        await owner.send(new PutObjectRetentionCommand({ ...at, Retention }))
      }
      await sleep(3000)
      const pruned = await cli(...prune)
      expect(pruned.exit, pruned.err).toBe(0)
      expect(pruned.records.at(-1)).toMatchObject({ ok: true, removed: 1 })
      expect((await versions()).some(({ Key }) => before.every((each) => each.Key !== Key))).toBe(true)
      expect((await keys()).filter((key) => key.includes('/snapshots/'))).toHaveLength(1)
      expect((await cli('verify', '--read', 'all')).exit).toBe(0)
      expect((await cli('copy', join(folder, 'copy'))).exit).toBe(0)
      expect(await differences({ cloud: rig.cloud, vault: join(folder, 'copy') })).toEqual([])
    })

    test('an encrypted vault is looked at and locked under the names that it has there', async () => {
      const identity = join(folder, 'identity.txt')
      const made = await cli('init', '--encrypt', '--new-key', identity, '--prove', identity, '--no-config', '--json')
      expect(made.exit, made.err).toBe(0)
      expect((await cli('backup', '--json')).records.at(-1)).toMatchObject({ ok: true, sealed: { failed: [] } })
      await rm(join(folder, 'cache'), { recursive: true })
      rig.env['CLOUDKEEP_IDENTITY_FILE'] = identity
      const again = await cli('backup', '--json')
      expect(again.records.at(-1)).toMatchObject({ ok: true, sealed: { failed: [] } })
      const { records } = await cli('status', '--json')
      const seen = records.find(({ type }) => type === 'protection')
      expect(seen).toMatchObject({ protection: { objects: { kind: 'object-lock' } } })
      const { looked, protection } = z
        .object({ looked: z.array(z.unknown()), protection: z.object({ objects: z.record(z.string(), z.unknown()) }) })
        .parse(seen)
      expect(protection.objects).toMatchObject({ looked: looked.length, protected: looked.length })
    })

    test('objects that are still locked stay when the snapshot that named them goes', async () => {
      await cli('backup')
      for (const asset of [...rig.cloud.shelf.scan()].slice(0, 1)) rig.cloud.shelf.remove(asset.assetId)
      await cli('backup', '--yes-mass-change')
      const [head] = (await versions()).filter(({ Key }) => Key.includes('/snapshots/'))
      const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 2000) } as const
      const at = { Bucket: bucket, Key: head?.Key ?? '', VersionId: head?.VersionId ?? '' }
      await owner.send(new PutObjectRetentionCommand({ ...at, BypassGovernanceRetention: true, Retention }))
      await sleep(3000)
      const before = (await keys()).filter((key) => key.startsWith('vault/objects/'))
      const done = await cli('prune', '--keep-last', '1', '--grace', '0', '--yes', '--json')
      expect(done.exit, done.err).toBe(0)
      expect(done.records.at(-1)).toMatchObject({
        removed: 1,
        objects: { moved: { objects: 0 }, deleted: { objects: 0 } },
      })
      expect((await keys()).filter((key) => key.startsWith('vault/objects/'))).toEqual(before)
      expect((await keys()).filter((key) => key.startsWith('vault/trash/'))).toEqual([])
      expect((await cli('verify', '--read', 'all')).exit).toBe(0)
    })

    test('backups go on with credentials that can remove nothing; what they leave behind are leases', async () => {
      await allowBackups()
      const first = await cli('backup', '--json')
      expect(first.exit, first.err).toBe(0)
      expect(first.records.at(-1)).toMatchObject({ complete: true, fetched: 6, sealed: { failed: [] } })
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later'), createdAt: Date.now() - DAY })
      const second = await cli('backup', '--json')
      expect(second.exit, second.err).toBe(0)
      expect(second.records.at(-1)).toMatchObject({ complete: true, fetched: 1, unchanged: 6 })
      expect((await keys()).filter((key) => key.startsWith('vault/locks/'))).not.toEqual([])
      const pruned = await cli('prune', '--keep-last', '1', '--grace', '0', '--yes', '--json')
      expect(pruned.records.at(-1)).toMatchObject({
        error: { code: 'VAULT_SEALED', hint: expect.stringContaining('other credentials') },
      })
      expect((await cli('copy', join(folder, 'copy'))).exit).toBe(0)
      expect(await differences({ cloud: rig.cloud, vault: join(folder, 'copy') })).toEqual([])
    })

    test('a backup that was killed goes on with credentials that can remove nothing', async () => {
      await allowBackups()
      for (let n = 0; n < 60; n += 1)
        makeAsset(rig.cloud, { publicId: `many/${n}`, bytes: Buffer.alloc(20_000, n), createdAt: Date.now() - DAY })
      const program = await compile('src/cli/main.ts')
      try {
        for (const [name, value] of Object.entries({ ...rig.env, CLOUDKEEP_CONCURRENCY: '2' })) vi.stubEnv(name, value)
        const child = await program.start("await import('./src/cli/main.js')", ['backup', '--json'])
        while ((await keys()).filter((key) => key.startsWith('vault/objects/')).length < 5) await sleep(50)
        child.kill()
        expect((await child.ended()).signal).toBe('SIGKILL')
      } finally {
        vi.unstubAllEnvs()
        actAs(server.writer)
        await program.dispose()
      }
      expect((await keys()).filter((key) => key.startsWith('vault/locks/'))).not.toEqual([])
      const done = await cli('backup', '--json')
      expect(done.exit, done.err).toBe(0)
      expect(done.records.at(-1)).toMatchObject({ complete: true, scanned: 66, failed: 0, sealed: { failed: [] } })
      const writer = await s3Client(server.writer)
      for (const days of (await daysLocked(NEEDED, writer)).values()) expect(days).toBeGreaterThan(29)
      writer.destroy()
      expect((await cli('copy', join(folder, 'copy'))).exit).toBe(0)
      expect(await differences({ cloud: rig.cloud, vault: join(folder, 'copy') })).toEqual([])
    })
  })

  describe('without object lock', () => {
    test('is refused before anything is written when a lock is asked for', async () => {
      await open({ lock: false }, '&lock=governance&lock-days=30')
      const done = await cli('backup', '--json')
      expect(done.exit).toBe(1)
      expect(done.records.at(-1)).toMatchObject({
        ok: false,
        error: { code: 'STORE_REFUSED', hint: expect.stringContaining('object lock') },
      })
      expect(await keys()).toEqual([])
    })

    test('is not called protected by status, and has no lock to renew', async () => {
      await open({ lock: false }, '')
      expect((await cli('backup', '--json')).records.at(-1)).not.toHaveProperty('sealed')
      const { out } = await cli('status')
      expect(out).toContain('\nprotection\n  Nothing: whoever has these credentials can delete all of it.\n')
      expect((await cli('protect')).err).toContain('no lock is asked for')
    })

    test('takes backups with credentials that can remove nothing', async () => {
      await open({ lock: false }, '')
      await allowBackups()
      expect((await cli('backup')).exit).toBe(0)
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later'), createdAt: Date.now() - DAY })
      expect((await cli('backup', '--json')).records.at(-1)).toMatchObject({ ok: true, fetched: 1, unchanged: 6 })
      expect((await cli('status')).out).toContain('these credentials cannot remove anything (tried)')
    })
  })
})
