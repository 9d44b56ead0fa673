#!/usr/bin/env node
// CommonJS and plain syntax, so that even an old Node can read it and say what is wrong.
'use strict'
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error  cloudkeep needs Node.js 20.19 or newer; this is ${process.version}\n`)
  process.exitCode = 1
} else {
  // File and hash work runs on libuv's pool, whose size is fixed at its first use; its default of 4 is too few.
  if (!process.env.UV_THREADPOOL_SIZE) process.env.UV_THREADPOOL_SIZE = '16'
  const main = require('node:path').join(__dirname, '..', 'dist', 'src', 'cli', 'main.js')
  if (require('node:fs').existsSync(main)) {
    import(require('node:url').pathToFileURL(main).href).catch((error) => {
      console.error(error)
      process.exitCode = 1
    })
  } else {
    process.stderr.write('error  cloudkeep is not built\nhint   run: npm run build\n')
    process.exitCode = 1
  }
}
