import { describe, expect, it } from 'vitest'
import type { ObjectProtection, Protection } from '../../model/protection.ts'
import { type ProtectionFacts, protectionLines } from './lines.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const BUCKET: ProtectionFacts = { place: 'bucket', lock: null, now: NOW }
const DISK: ProtectionFacts = { place: 'disk', lock: null, now: NOW }

const objects = (changes: Partial<ObjectProtection> = {}): ObjectProtection => ({
  kind: 'object-lock',
  mode: 'compliance',
  looked: 12,
  protected: 12,
  earliest: '2027-02-20T10:00:00Z',
  latest: '2027-03-01T10:00:00Z',
  ...changes,
})
const found = (changes: Partial<Protection> = {}): Protection => ({
  canRemove: false,
  keepsVersions: true,
  objects: objects(),
  notes: [],
  ...changes,
})
const NOTHING_HELD = objects({ kind: 'none', mode: null, protected: 0, earliest: null, latest: null })

describe('what protects a vault is said', () => {
  it('of locks that nobody can shorten', () => {
    expect(protectionLines(found(), BUCKET)).toEqual([
      '12 of 12 objects looked at are locked (compliance) until 2027-02-20 or longer; these credentials cannot remove anything (tried).',
      "Nobody, the account's owner included, can shorten these locks.",
      'What is overwritten stays there beside the new bytes.',
    ])
  })

  it('of locks that somebody can end, that some have, and that these credentials run into', () => {
    const some = objects({ mode: 'governance', protected: 9, latest: '2027-02-20T23:00:00Z' })
    expect(protectionLines(found({ objects: some, canRemove: true }), BUCKET)).toEqual([
      '9 of 12 objects looked at are locked (governance) until 2027-02-20; these credentials may remove what is not locked (tried).',
      '3 objects looked at have no lock.',
      'Somebody with a special right can end these locks earlier.',
      'What is overwritten stays there beside the new bytes.',
    ])
  })

  it('of nothing', () => {
    const bare = found({ objects: NOTHING_HELD, canRemove: true, keepsVersions: false })
    expect(protectionLines(bare, BUCKET)).toEqual(['Nothing: whoever has these credentials can delete all of it.'])
  })

  it('of credentials that cannot remove and still can overwrite', () => {
    const appendOnly = found({ objects: NOTHING_HELD, keepsVersions: false })
    expect(protectionLines(appendOnly, BUCKET)).toEqual([
      'No lock on any of 12 objects looked at; these credentials cannot remove anything (tried).',
      'What is overwritten is gone: whoever may write can destroy.',
    ])
  })

  it('of what could not be looked at, as unknown and with the reason', () => {
    const blind = found({
      canRemove: null,
      keepsVersions: null,
      objects: null,
      notes: ['these credentials may not read the settings of the bucket (s3:GetBucketObjectLockConfiguration)'],
    })
    const lines = protectionLines(blind, { ...BUCKET, lock: { mode: 'compliance', days: 30 } })
    expect(lines).toEqual([
      'It is unknown what protects single objects: none was looked at; whether these credentials can remove anything could not be found out.',
      'Whether what is overwritten stays could not be found out.',
      'A lock (compliance) of 30 days is asked for; whether it is there was not seen.',
      'These credentials may not read the settings of the bucket (s3:GetBucketObjectLockConfiguration).',
    ])
    expect(lines.join(' ')).not.toMatch(/protected|are locked/u)
  })

  it('of a lock that was asked for and is not there, is another, or ends soon', () => {
    const lock = { mode: 'compliance', days: 90 } as const
    expect(protectionLines(found({ objects: NOTHING_HELD }), { ...BUCKET, lock })).toContain(
      'A lock (compliance) of 90 days is asked for, and none of the objects looked at has one.',
    )
    const weaker = found({ objects: objects({ mode: 'governance' }) })
    expect(protectionLines(weaker, { ...BUCKET, lock })).toContain(
      'A lock (compliance) of 90 days is asked for, and those found are in governance mode.',
    )
    const ending = found({ objects: objects({ earliest: '2026-12-01T12:00:00Z' }) })
    expect(protectionLines(ending, { ...BUCKET, lock })).toContain(
      'The first of these locks ends in 9 days: the next backup renews it.',
    )
  })

  it('of a legal hold and of a retention whose firmness nobody could see', () => {
    const held = objects({ kind: 'legal-hold', mode: null, earliest: null, latest: null })
    expect(protectionLines(found({ objects: held }), BUCKET)[0]).toBe(
      '12 of 12 objects looked at are under a legal hold, which has no end of its own; these credentials cannot remove anything (tried).',
    )
    const bucket = objects({ kind: 'bucket-retention', mode: null, looked: 1, protected: 1 })
    expect(protectionLines(found({ objects: bucket, keepsVersions: false }), BUCKET)).toEqual([
      '1 of 1 object looked at is locked until 2027-02-20 or longer; these credentials cannot remove anything (tried).',
      'Whether somebody can end this earlier could not be seen.',
    ])
  })

  it('of a disk: mode bits are no protection, a flag is some', () => {
    const readOnly = objects({ kind: 'read-only', mode: null, earliest: null, latest: null })
    const disk = found({ objects: readOnly, canRemove: true, keepsVersions: false })
    expect(protectionLines(disk, DISK)).toEqual([
      '12 of 12 objects looked at are read-only, which keeps mistakes away and no attacker; these credentials can remove all of it (by the rights of the folders).',
    ])
    const flagged = found({
      objects: { ...readOnly, kind: 'immutable-flag', protected: 11 },
      canRemove: true,
      keepsVersions: false,
      notes: ['this process runs with the right to take the flag off'],
    })
    expect(protectionLines(flagged, DISK)).toEqual([
      '11 of 12 objects looked at have the immutable flag, which even root must take off first; these credentials can remove what has no flag, or after taking it off (by the rights of the folders).',
      'This process runs with the right to take the flag off.',
    ])
  })
})
