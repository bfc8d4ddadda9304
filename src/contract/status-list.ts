import { STATUS_LIST_TYPE, type StatusListReference } from './claims.js';

/*
 * Token Status List (draft-ietf-oauth-status-list): what the service, which makes the lists, and whoever
 * reads them have in common.
 */

/** Media type of a status list token (§5.1). */
export const STATUS_LIST_MEDIA_TYPE = `application/${STATUS_LIST_TYPE}`;

/** How many sessions one list tells of. Never changes: it is part of the meaning of every index. */
export const STATUS_LIST_SIZE = 131_072;

/** The claims of a status list token (§5.1). Times are whole seconds since the epoch. */
export interface StatusListClaims {
  iss: string;
  /** The list's own address, as the tokens name it. */
  sub: string;
  iat: number;
  exp: number;
  /** Seconds after which a reader should fetch it anew. */
  ttl: number;
  status_list: {
    bits: 1;
    /** The bits, the first in the lowest bit of the first byte, in the ZLIB format, as base64url. */
    lst: string;
  };
}

/** Where a list is found. @param list its number. */
export function statusListUri(publicUrl: string, list: number): string {
  return `${publicUrl}/.well-known/status-lists/${list}`;
}

/** Where the end of a session shows. @param index of the session, counted through all lists. */
export function statusListReference(publicUrl: string, index: number): StatusListReference {
  const list = Math.floor(index / STATUS_LIST_SIZE);
  return { idx: index % STATUS_LIST_SIZE, uri: statusListUri(publicUrl, list) };
}
