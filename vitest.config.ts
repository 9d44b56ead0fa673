import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Two projects: `fast` shares one process per worker and runs everywhere; `slow` starts real
// processes, kills them, fills disks, and gets the time it needs.
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Ends the storage servers that tests started, and says which suites were left out for want of one.
    globalSetup: ['test/servers/setup.ts'],
    // Half as many workers again as there are cores: tests wait for servers, disks and clocks much of the time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // Real processes, sockets and disks on a machine that does other things too: in CI a test gets a second try, and
    // the report says that it needed one.
    retry: process.env['CI'] === undefined ? 0 : 1,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['src/**/*.test.ts', 'sandbox/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/slow/**'],
          pool: 'threads',
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
