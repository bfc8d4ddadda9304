import type { SigningAlgorithm } from '../contract/claims.js';
import type { PublicJwk, SigningKey, VerificationKey } from './key-material.js';

/** Published but not signing yet; signing; only verifying until the last token it signed has expired. */
export type KeyStage = 'next' | 'current' | 'previous';

/** A signing key of the database in memory. Times are milliseconds since the epoch. */
export interface StoredKey {
  jwk: PublicJwk;
  verification: VerificationKey;
  /** undefined when this node can't open the private part. */
  signing: SigningKey | undefined;
  createdAt: number;
  signsFrom: number;
}

/** Who does what among the keys, from `since` until just before `until` (milliseconds). */
export interface Arrangement {
  since: number;
  until: number;
  /** undefined when no key of the algorithm can be opened. */
  current: SigningKey | undefined;
  /** Keys that verify, by `kid`; undefined for the one key of HS256. */
  byKid: ReadonlyMap<string | undefined, VerificationKey>;
  jwks: { keys: PublicJwk[] };
  stages: readonly { key: StoredKey; stage: KeyStage }[];
  /** What nothing refers to any more, and may be deleted. */
  expired: readonly string[];
}

/** Milliseconds from one key's first signature to the next one's. */
export const ROTATION_PERIOD = 30 * 24 * 60 * 60 * 1000;
/** How long a key is published before it signs (ms): twice the 300 s for which a JWKS may be cached. */
export const ROTATION_LEAD = 10 * 60 * 1000;
/** How long others may go on using a JWKS they have fetched (seconds). */
export const JWKS_MAX_AGE = 300;
/** Leeway of both sides' clocks (ms). */
const LEEWAY = 2 * 30 * 1000;

/**
 * Works out every key's stage. The key of the algorithm that began to sign last is the current one. A
 * clock that stands before them all signs with the first.
 *
 * @param keys in the order in which they sign.
 * @param tokenLife seconds that an access token lives at most.
 */
export function arrange(
  keys: readonly StoredKey[],
  algorithm: SigningAlgorithm,
  now: number,
  tokenLife: number,
): Arrangement {
  const own = keys.filter((key) => key.signing?.algorithm === algorithm);
  const current = own.findLast((key) => key.signsFrom <= now) ?? own[0];
  const ends = keys.map((key, index) =>
    key === current ? Infinity : (keys[index + 1]?.signsFrom ?? Infinity),
  );
  const retention = tokenLife * 1000 + LEEWAY;
  const listed = keys.filter((_key, index) => (ends[index] ?? Infinity) + retention > now);
  const stages = listed.map((key) => ({ key, stage: stageOf(key, current, keys, now) }));
  const turns = keys.flatMap((key, index) => [key.signsFrom, (ends[index] ?? 0) + retention]);
  return {
    since: Math.max(...turns.filter((turn) => turn <= now), -Infinity),
    until: Math.min(...turns.filter((turn) => turn > now), Infinity),
    current: current?.signing,
    byKid: new Map(listed.map((key) => [key.jwk.kid, key.verification])),
    jwks: { keys: listed.map((key) => key.jwk) },
    stages,
    expired: keys.filter((key) => !listed.includes(key)).map((key) => key.jwk.kid),
  };
}

function stageOf(
  key: StoredKey,
  current: StoredKey | undefined,
  keys: readonly StoredKey[],
  now: number,
): KeyStage {
  if (key === current) return 'current';
  if (key.signsFrom > now) return 'next';
  const successor = keys[keys.indexOf(key) + 1];
  return successor !== undefined && successor.signsFrom <= now ? 'previous' : 'current';
}

/** What the rules of rotation need to know of a key. */
export interface KeyTimes {
  algorithm: string;
  createdAt: number;
  signsFrom: number;
}

/** Whether the node that starts has to make a key: its algorithm is not the one that signs now. */
export function needsFirstKey(keys: readonly KeyTimes[], algorithm: string, now: number): boolean {
  const signing = keys.findLast((key) => key.signsFrom <= now) ?? keys[0];
  return signing?.algorithm !== algorithm;
}

/** The published key of the algorithm that does not sign yet. */
export function nextKey<Key extends KeyTimes>(
  keys: readonly Key[],
  algorithm: string,
  now: number,
): Key | undefined {
  const own = keys.filter((key) => key.algorithm === algorithm);
  const current = own.findLast((key) => key.signsFrom <= now) ?? own[0];
  return own.find((key) => key !== current && key.signsFrom > now);
}

/**
 * When the key that has to be published now begins to sign (ms).
 *
 * @returns undefined while none has to be.
 */
export function nextIsDue(
  keys: readonly KeyTimes[],
  algorithm: string,
  now: number,
): number | undefined {
  const newest = keys.findLast((key) => key.algorithm === algorithm);
  if (newest === undefined) return now;
  const turn = newest.signsFrom + ROTATION_PERIOD;
  return now >= turn - ROTATION_LEAD ? Math.max(turn, now + ROTATION_LEAD) : undefined;
}
