// A Ceph object gateway on one machine and in memory, or on its disk for large things: a real S3 server for tests and for
// trying things out. One monitor, one OSD and the gateway, all in the foreground below this process, all files in one temporary folder, all
// ports free ones; several may run side by side. Ready after about 13 seconds.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const PROGRAMS = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin']
export const INSTALL = 'apt-get install --no-install-recommends ceph-mon ceph-osd ceph-mgr radosgw ceph-common'

const isOnPath = (program) =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))

export const isInstalled = () => PROGRAMS.every(isOnPath)

const freePorts = async (count) => {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer()
            .once('error', reject)
            .listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const GIB = 1024 ** 3

/** A file on disk grows as it fills; memory is for what is small. */
const storage = (diskGiB) =>
  diskGiB > 0
    ? `osd objectstore = bluestore
bluestore block size = ${diskGiB * GIB}
osd memory target = ${GIB}`
    : `osd objectstore = memstore
memstore device bytes = ${6 * GIB}`

const configuration = ({ folder, fsid, monitor, port, diskGiB }) => `[global]
fsid = ${fsid}
mon host = ${monitor}
mon initial members = a
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
${storage(diskGiB)}
osd data = ${folder}/osd
mon data = ${folder}/mon
keyring = ${folder}/keyring
auth_allow_insecure_global_id_reclaim = true
mon_warn_on_insecure_global_id_reclaim_allowed = false
admin socket =
run dir = ${folder}
log file = ${folder}/$name.log
setuser match path =
[client]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${folder}/rgw
rgw enable usage log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_thread_pool_size = 64
debug rgw = 0
`

/** Runs programs of one server: short ones to their end, daemons until `stop`. */
const createPrograms = (env) => {
  const children = new Set()
  const begin = (program, args) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: -1, text: error.message }))
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (piece) => {
          text = `${text}${piece}`.slice(-4000)
        })
      child.once('close', (code) => {
        children.delete(child)
        resolve({ code, text })
      })
    })
    children.add(child)
    return ended
  }
  return {
    run: async (program, ...args) => {
      const { code, text } = await begin(program, args)
      if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${text}`)
    },
    /** Starts it and does not wait; `failed` rejects when it ends. */
    daemon: (program, ...args) => {
      const failed = begin(program, args).then(({ code, text }) => {
        throw new Error(`${program} ended with ${code}: ${text}`)
      })
      failed.catch(() => undefined)
      return { failed }
    },
    stop: async () => {
      const ended = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)))
      // Nothing here is worth an orderly shutdown: it all was in memory.
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(ended)
    },
  }
}

const makeKeys = async (programs, folder) => {
  const keyring = join(folder, 'keyring')
  await programs.run('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
  for (const name of ['client.admin', 'osd.0', 'client.rgw'])
    await programs.run(
      'ceph-authtool',
      ...[keyring, '--gen-key', '-n', name],
      ...['mon', 'osd', 'mgr'].flatMap((kind) => ['--cap', kind, 'allow *']),
    )
  return keyring
}

const startCluster = async (programs, folder, fsid, monitor) => {
  const keyring = await makeKeys(programs, folder)
  const map = join(folder, 'monmap')
  await programs.run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', monitor, map)
  await programs.run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring)
  const monitors = programs.daemon('ceph-mon', '-f', '-i', 'a')
  const osd = randomUUID()
  await Promise.race([monitors.failed, programs.run('ceph', '--connect-timeout', '60', 'osd', 'new', osd)])
  await programs.run('ceph', 'auth', 'import', '-i', keyring)
  await programs.run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd)
  programs.daemon('ceph-osd', '-f', '-i', '0')
  await programs.run('ceph', 'osd', 'crush', 'add', 'osd.0', '1', 'host=vm', 'root=default')
}

const answers = async (url, tries = 240) => {
  for (let attempt = 0; attempt < tries; attempt++) {
    const isUp = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`the gateway at ${url} does not answer`)
}

const USERS = {
  owner: { id: 'owner', accessKeyId: 'AKOWNER', secretAccessKey: 'SKOWNER' },
  // May do nothing until a bucket policy says so.
  writer: { id: 'writer', accessKeyId: 'AKWRITER', secretAccessKey: 'SKWRITER' },
}

/**
 * Null when the programs are not installed. Otherwise `{ endpoint, owner, writer, close }`; the users have `id`,
 * `accessKeyId` and `secretAccessKey`. `close` ends every process and removes every file; so does a start that fails.
 * With `diskGiB` bodies lie in a file of up to that size instead of in memory.
 */
export const startRadosgw = async ({ diskGiB = 0 } = {}) => {
  if (!isInstalled()) return null
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-s3-'))
  for (const each of ['mon', 'osd', 'rgw']) await mkdir(join(folder, each))
  const config = join(folder, 'ceph.conf')
  const programs = createPrograms({ ...process.env, CEPH_CONF: config })
  const close = async () => {
    await programs.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const [v2, v1, port] = await freePorts(3)
    const fsid = randomUUID()
    const monitor = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`
    await writeFile(config, configuration({ folder, fsid, monitor, port, diskGiB }))
    await startCluster(programs, folder, fsid, monitor)
    programs.daemon('radosgw', '-f', '-n', 'client.rgw', '--keyring', join(folder, 'keyring'))
    const endpoint = `http://127.0.0.1:${port}`
    await answers(endpoint)
    for (const { id, accessKeyId, secretAccessKey } of Object.values(USERS))
      await programs.run(
        'radosgw-admin',
        ...['user', 'create', '--uid', id, '--display-name', id],
        ...['--access-key', accessKeyId, '--secret', secretAccessKey],
      )
    return { endpoint, ...USERS, close }
  } catch (error) {
    await close()
    throw error
  }
}
