import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { leaveOut, shareServer, startScript } from './share.ts'

const User = z.object({ id: z.string(), accessKeyId: z.string(), secretAccessKey: z.string() })
const Facts = z.object({ endpoint: z.string(), owner: User, writer: User })

export type RadosgwUser = z.infer<typeof User>
/** `owner` may make buckets; `writer` may do nothing in them until a bucket policy says so. */
export type Radosgw = z.infer<typeof Facts>

const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool']
const isOnPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))

/** Whether S3 suites can run; `describe.skipIf(!hasRadosgw)`. A run that imports this without having it says so at its end. */
export const hasRadosgw = PROGRAMS.every(isOnPath)

if (!hasRadosgw)
  await leaveOut(
    'radosgw',
    'the S3 suites (radosgw is not installed: ' +
      'apt-get install --no-install-recommends ceph-mon ceph-osd ceph-mgr radosgw ceph-common)',
  )

/** A real S3 server that all tests of this run share; 13 seconds for the first. Use buckets of your own. */
export const useRadosgw = (): Promise<Radosgw> =>
  shareServer('radosgw', Facts.parse, async () => {
    const { line, pid } = await startScript('s3', '--json')
    return { facts: Facts.parse(JSON.parse(line)), pid }
  })
