import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const filesIn = (folder: string, ext: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ext))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)

const some = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat())
const policySchema = z.object({
  Version: z.literal('2012-10-17'),
  Statement: z.array(z.object({ Sid: z.string(), Effect: z.enum(['Allow', 'Deny']), Action: some, Resource: some })),
})
const policy = (path: string) => policySchema.parse(JSON.parse(read(path))).Statement
const allowed = (path: string): Set<string> =>
  new Set(policy(path).flatMap(({ Effect, Action }) => (Effect === 'Allow' ? Action : [])))

/** What each call of the SDK asks for, by "Required permissions for Amazon S3 API operations"; `w` is left out of reading. */
const NEEDS: Readonly<Record<string, { kind: 'read' | 'write' | 'remove'; actions: readonly string[] }>> = {
  AbortMultipartUpload: { kind: 'write', actions: ['s3:AbortMultipartUpload'] },
  CompleteMultipartUpload: { kind: 'write', actions: ['s3:PutObject'] },
  CopyObject: { kind: 'write', actions: ['s3:GetObject', 's3:PutObject'] },
  CreateMultipartUpload: { kind: 'write', actions: ['s3:PutObject', 's3:PutObjectRetention'] },
  DeleteObject: { kind: 'remove', actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'] },
  GetBucketVersioning: { kind: 'read', actions: ['s3:GetBucketVersioning'] },
  GetObject: { kind: 'read', actions: ['s3:GetObject', 's3:GetObjectVersion'] },
  GetObjectLegalHold: { kind: 'read', actions: ['s3:GetObjectLegalHold'] },
  GetObjectLockConfiguration: { kind: 'read', actions: ['s3:GetBucketObjectLockConfiguration'] },
  GetObjectRetention: { kind: 'read', actions: ['s3:GetObjectRetention'] },
  HeadBucket: { kind: 'read', actions: ['s3:ListBucket'] },
  HeadObject: { kind: 'read', actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'] },
  ListMultipartUploads: { kind: 'write', actions: ['s3:ListBucketMultipartUploads'] },
  ListObjectVersions: { kind: 'read', actions: ['s3:ListBucketVersions'] },
  ListObjectsV2: { kind: 'read', actions: ['s3:ListBucket'] },
  ListParts: { kind: 'write', actions: ['s3:ListMultipartUploadParts'] },
  PutObject: { kind: 'write', actions: ['s3:PutObject', 's3:PutObjectRetention'] },
  PutObjectRetention: { kind: 'write', actions: ['s3:PutObjectRetention'] },
  UploadPart: { kind: 'write', actions: ['s3:PutObject'] },
  UploadPartCopy: { kind: 'write', actions: ['s3:GetObject', 's3:PutObject'] },
}

/** Calls that the S3 store makes, read from its source. */
const calls = [
  ...new Set(
    filesIn('src/vault/stores/s3', '.ts')
      .filter((path) => !path.endsWith('.test.ts'))
      .flatMap((path) =>
        [...read(path).matchAll(/\bnew (?:\w+\.)?([A-Z]\w+?)Command\(/gu)].map(([, name]) => name ?? ''),
      ),
  ),
].sort()

const actionsFor = (...kinds: readonly string[]): string[] =>
  calls.flatMap((name) => (kinds.includes(NEEDS[name]?.kind ?? '') ? [...(NEEDS[name]?.actions ?? [])] : []))

describe.each(['aws', 'minio'])('the policies for %s', (vendor) => {
  const path = (name: string): string => `docs/policies/${vendor}/${name}.json`
  const removing = (actions: Iterable<string>): string[] =>
    [...actions].filter((action) => /Delete|Bypass|\*/u.test(action))

  it('know every call that the store makes', () => {
    expect(calls.length).toBeGreaterThan(10)
    expect(calls.filter((name) => NEEDS[name] === undefined)).toEqual([])
  })

  it('let a backup do all that it does, and remove nothing', () => {
    const may = allowed(path('backup'))
    expect(actionsFor('read', 'write').filter((action) => !may.has(action))).toEqual([])
    expect(removing(may)).toEqual([])
  })

  it('let a restore read, and nothing else', () => {
    const may = allowed(path('restore'))
    expect(actionsFor('read').filter((action) => !may.has(action))).toEqual([])
    expect([...may].filter((action) => !/^s3:(Get|List)/u.test(action))).toEqual([])
  })

  it('let a prune remove, below the prefix and against no lock', () => {
    const may = allowed(path('prune'))
    expect(actionsFor('read', 'write', 'remove').filter((action) => !may.has(action))).toEqual([])
    expect(may.has('s3:BypassGovernanceRetention')).toBe(false)
    for (const { Effect, Action, Resource } of policy(path('prune')))
      if (Effect === 'Allow' && removing(Action).length > 0) expect(Resource).toEqual(['arn:aws:s3:::BUCKET/PREFIX/*'])
  })
})

describe('the other ready-made files', () => {
  it('are JSON where they say so', () => {
    const files = [...filesIn('docs/policies', '.json'), ...filesIn('docs/infrastructure', '.json')]
    expect(files.length).toBeGreaterThan(10)
    for (const file of files) expect(() => JSON.parse(read(file)), file).not.toThrow()
  })

  it('give the users of the CloudFormation template the rights of the policies', () => {
    const user = z.object({
      Properties: z.object({
        Policies: z.tuple([z.object({ PolicyDocument: z.object({ Statement: z.array(z.object({ Action: some })) }) })]),
      }),
    })
    const { Resources } = z
      .object({ Resources: z.object({ BackupUser: user, PruneUser: user }).loose() })
      .parse(JSON.parse(read('docs/infrastructure/aws/cloudformation.json')))
    for (const [is, name] of [
      [Resources.BackupUser, 'backup'],
      [Resources.PruneUser, 'prune'],
    ] as const) {
      const statements = is.Properties.Policies[0].PolicyDocument.Statement
      expect(statements.map(({ Action }) => Action)).toEqual(
        policy(`docs/policies/aws/${name}.json`).map(({ Action }) => Action),
      )
    }
  })

  it('let nobody but a prune remove, at Google, Azure and Backblaze', () => {
    for (const file of ['gcs/backup.yaml', 'gcs/backup-with-lock.yaml', 'gcs/restore.yaml'])
      expect(read(`docs/policies/${file}`)).not.toMatch(/delete|override/iu)
    for (const file of [
      'azure/backup.json',
      'azure/backup-with-lock.json',
      'azure/restore.json',
      'b2/backup.json',
      'b2/restore.json',
    ])
      expect(read(`docs/policies/${file}`)).not.toMatch(/delete|bypass/iu)
    expect(read('docs/policies/gcs/prune.yaml')).toContain('storage.objects.delete')
  })

  it('name for Google every right that the store names when it is refused', () => {
    const named = filesIn('src/vault/stores/gcs', '.ts')
      .filter((path) => !path.endsWith('.test.ts'))
      .flatMap((path) => [...read(path).matchAll(/right: '([^']+)'/gu)].map(([, right]) => right ?? ''))
      .flatMap((right) => right.match(/storage\.\w+\.\w+/gu) ?? [])
    const given = ['backup-with-lock', 'prune'].map((name) => read(`docs/policies/gcs/${name}.yaml`)).join('\n')
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((right) => !given.includes(right))).toEqual([])
  })

  it('expire nothing of a vault but run locks', () => {
    for (const file of filesIn('docs/infrastructure', '.tf')) {
      const prefixes = [...read(file).matchAll(/prefix\s*=\s*\[?"([^"]+)"/gu)].map(([, prefix]) => prefix ?? '')
      expect(
        prefixes.every((prefix) => prefix.endsWith('/locks/')),
        file,
      ).toBe(true)
    }
    const template = read('docs/infrastructure/aws/cloudformation.json')
    expect([...template.matchAll(/"ExpirationInDays"/gu)]).toHaveLength(1)
    expect(template).toMatch(/locks\/"\s*\},\s*"ExpirationInDays"/u)
  })
})
