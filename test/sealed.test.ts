import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { actAs, s3Client } from './bucket-rig.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, differences, type Rig } from './rig.ts'
import { hasRadosgw, type Radosgw, useRadosgw } from './servers/radosgw.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

/** What the policy for backups in `docs/policies` allows: to write, to read, to prolong; to remove nothing. */
const WRITER = [
  's3:PutObject',
  's3:GetObject',
  's3:GetObjectVersion',
  's3:ListBucket',
  's3:ListBucketVersions',
  's3:ListBucketMultipartUploads',
  's3:ListMultipartUploadParts',
  's3:AbortMultipartUpload',
  's3:GetBucketObjectLockConfiguration',
  's3:GetBucketVersioning',
  's3:GetObjectRetention',
  's3:PutObjectRetention',
]

describe.skipIf(!hasRadosgw)('a sealed vault', () => {
  let server: Radosgw
  let bucket: string
  let owner: S3Client
  let attacker: S3Client
  let rig: Rig
  let folder: string
  let count = 0

  beforeEach(async () => {
    server = await useRadosgw()
    owner = await s3Client()
    attacker = await s3Client(server.writer)
    folder = await mkdtemp(join(tmpdir(), 'cloudkeep-sealed-'))
    bucket = `sealed-${process.pid}-${Date.now()}-${count++}`
    await owner.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
    await allow(WRITER)
    await owner.send(new PutObjectCommand({ Bucket: bucket, Key: '.wellknown/cloudinary/testcloud', Body: '' }))
    actAs(server.writer)
    const url = `s3://${bucket}/vault?endpoint=${server.endpoint}&lock=compliance&lock-days=30`
    rig = await createRig({ vault: url, env: { CLOUDKEEP_CACHE: join(folder, 'cache') } })
    for (let n = 0; n < 12; n++)
      makeAsset(rig.cloud, {
        publicId: `photo ${n}`,
        bytes: Buffer.from(`photograph ${n}`),
        createdAt: Date.now() - 86_400_000,
      })
  })
  afterEach(async () => {
    await rig.close()
    owner.destroy()
    attacker.destroy()
    await rm(folder, { recursive: true, force: true })
  })

  const allow = (actions: readonly string[]) =>
    owner.send(
      new PutBucketPolicyCommand({
        Bucket: bucket,
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { AWS: [`arn:aws:iam:::user/${server.writer.id}`] },
              Action: actions,
              Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
            },
          ],
        }),
      }),
    )

  const run = (machine: string, ...argv: string[]): Promise<Done> =>
    commandLine(argv, { variables: { ...rig.env, CLOUDKEEP_CACHE: join(folder, machine) }, cwd: folder })

  const versions = async (): Promise<ObjectVersion[]> => {
    const found: ObjectVersion[] = []
    let marker: string | undefined
    do {
      const page = await owner.send(
        new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'vault/', KeyMarker: marker }),
      )
      found.push(...(page.Versions ?? []))
      marker = page.IsTruncated === true ? page.NextKeyMarker : undefined
    } while (marker !== undefined)
    return found
  }

  /** Everything that the keys of a machine allow, in the order in which somebody who wants to destroy would try it. */
  const attack = async (client: S3Client): Promise<{ refused: number; done: number }> => {
    const told = { refused: 0, done: 0 }
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      await work().then(
        () => {
          told.done += 1
        },
        () => {
          told.refused += 1
        },
      )
    }
    for (const { Key = '', VersionId, Size = 0 } of await versions()) {
      const at = { Bucket: bucket, Key }
      const soon = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 1000) } as const
      await attempt(() => client.send(new PutObjectRetentionCommand({ ...at, VersionId, Retention: soon })))
      await attempt(() =>
        client.send(
          new PutObjectRetentionCommand({
            ...at,
            VersionId,
            Retention: { ...soon, Mode: 'GOVERNANCE' },
            BypassGovernanceRetention: true,
          }),
        ),
      )
      await attempt(() => client.send(new DeleteObjectCommand({ ...at, VersionId, BypassGovernanceRetention: true })))
      await attempt(() => client.send(new DeleteObjectCommand(at)))
      await attempt(() => client.send(new PutObjectCommand({ ...at, Body: Buffer.alloc(Size, 'x') })))
      await attempt(() => client.send(new DeleteObjectCommand(at)))
    }
    await attempt(() => client.send(new DeleteBucketCommand({ Bucket: bucket })))
    await attempt(() => claimPurge(client))
    return told
  }

  /** Says of everything that it was purged on purpose. */
  const claimPurge = async (client: S3Client): Promise<void> => {
    const catalog = await rig.context().catalog()
    const versions: object[] = []
    await catalog.read(async (tx) => {
      for await (const each of tx.versionsAt('testcloud', (await tx.lastSnapshot('testcloud'))?.seq ?? 0, {})) {
        const { assetId, version, publicId, object } = each
        versions.push({ assetId, version, publicId, object, objectRemoved: true, derived: [] })
      }
    })
    expect(versions.length).toBeGreaterThan(11)
    const at = new Date().toISOString()
    const head = { format: 1, id: 'forged', cloud: 'testcloud', at, reason: '', tool: 'x', alsoAtCloudinary: false }
    const Key = `vault/accounts/testcloud/purges/${at.replaceAll(':', '-')}-forged.json`
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify({ ...head, versions }) }))
  }

  const isWhole = async (machine: string): Promise<void> => {
    const verified = await run(machine, 'verify', '--read', 'all', '--json')
    expect(verified.records.at(-1)).toMatchObject({ ok: true })
    const restored = await run(
      machine,
      'restore',
      '--to',
      join(folder, 'restored'),
      '--conflict',
      'overwrite',
      '--json',
    )
    expect(restored.records.at(-1)).toMatchObject({ ok: true })
    expect((await run(machine, 'copy', join(folder, `copy by ${machine}`))).exit).toBe(0)
    expect(await differences({ cloud: rig.cloud, vault: join(folder, `copy by ${machine}`) })).toEqual([])
  }

  test('whoever has the keys of the machine that backs up cannot make one kept version unreadable', async () => {
    expect(await rig.backup()).toMatchObject({ complete: true })
    await attack(attacker)
    await isWhole('the machine of the owner')
  })

  test('nor can somebody who got the right to delete as well', async () => {
    await rig.backup()
    await allow([...WRITER, 's3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'])
    const { done } = await attack(attacker)
    // He got a lot done: marks on top of everything, and other bytes beside everything.
    expect(done).toBeGreaterThan(20)
    await isWhole('the machine of the owner')
  })

  test('nor can the owner of the bucket, as long as the lock lasts', async () => {
    await rig.backup()
    await attack(owner)
    await isWhole('the machine of the owner')
  })

  test('a backup after an attack goes on, and what it keeps is whole too', async () => {
    await rig.backup()
    await attack(attacker)
    makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('a later one'), createdAt: Date.now() - 3_600_000 })
    expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 1, unchanged: 12 } })
    await isWhole('the machine of the owner')
  })

  test('everything that is written is locked from its first moment on', async () => {
    await rig.backup()
    for (const { Key, VersionId } of await versions()) {
      const { Retention } = await attacker.send(new GetObjectRetentionCommand({ Bucket: bucket, Key, VersionId }))
      expect(Retention?.Mode).toBe('COMPLIANCE')
      expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000)
    }
  })

  test('prune says that nothing can be removed, and removes nothing', async () => {
    await rig.backup()
    await rig.backup()
    const before = (await versions()).length
    const done = await run('cache', 'prune', '--keep-last', '1', '--grace', '0', '--yes', '--json')
    expect(done.exit).not.toBe(0)
    expect(done.records.at(-1)).toMatchObject({ ok: false })
    expect((await versions()).length).toBeGreaterThanOrEqual(before)
    await isWhole('the machine of the owner')
  })
})
