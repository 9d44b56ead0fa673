// Real servers of storage vendors, for tests and for trying things out.
//
//   node scripts/servers.mjs s3                 a Ceph object gateway, until Ctrl-C
//   node scripts/servers.mjs s3 --json          the same; says where it is as one line of JSON
//   node scripts/servers.mjs s3 --disk 40       the same; bodies lie in a file of up to 40 GiB instead of in memory
//   node scripts/servers.mjs run -- COMMAND …   any other program
//
// With `--while PID` it ends by itself when that process is gone, however it went: tests that are killed leave nothing.
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { INSTALL, startRadosgw } from './radosgw.mjs'

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves when a person or the tests want an end. */
const untilEnd = (pid) =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve)
    if (pid !== undefined) setInterval(() => isAlive(pid) || resolve(), 500).unref()
    // Signal handlers alone keep no process alive.
    setInterval(() => undefined, 60_000)
  })

const s3 = async ({ json, disk }) => {
  const server = await startRadosgw({ diskGiB: Number(disk) })
  if (server === null) {
    console.error(`radosgw is not installed: ${INSTALL}`)
    process.exit(1)
  }
  const { close, ...facts } = server
  if (json) console.log(JSON.stringify(facts))
  else {
    console.log(`endpoint  ${facts.endpoint}   (path style, region us-east-1, no buckets yet)`)
    for (const user of [facts.owner, facts.writer])
      console.log(
        `${user.id.padEnd(9)} AWS_ACCESS_KEY_ID=${user.accessKeyId} AWS_SECRET_ACCESS_KEY=${user.secretAccessKey}`,
      )
    console.log('Ctrl-C ends it.')
  }
  return close
}

const runOther = ([command, ...args]) => {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  child.once('close', (code) => process.exit(code ?? 1))
  return async () => {
    child.kill('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    child.kill('SIGKILL')
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    disk: { type: 'string', default: '0' },
    while: { type: 'string' },
  },
})
const [which, ...rest] = positionals
if (which !== 's3' && !(which === 'run' && rest.length > 0)) {
  console.error(
    'usage: node scripts/servers.mjs s3 [--json] [--disk GIB] [--while PID] | run [--while PID] -- COMMAND …',
  )
  process.exit(2)
}
const end = untilEnd(values.while === undefined ? undefined : Number(values.while))
const started = which === 's3' ? s3(values) : Promise.resolve(runOther(rest))
await Promise.race([end, started])
await end
const close = await started.catch(() => undefined)
await close?.()
process.exit(0)
