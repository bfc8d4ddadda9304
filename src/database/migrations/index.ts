import type { Migration } from 'kysely';
import type { Dialect } from '../dialect.js';
import { initial } from './0001-initial.js';
import { clients } from './0002-clients.js';
import { statusList } from './0003-status-list.js';
import { sessionUuids } from './0004-session-uuids.js';
import { largeTables } from './0005-large-tables.js';
import { sessionEpochs } from './0006-session-epochs.js';
import { challenges } from './0007-challenges.js';
import { clientSecrets } from './0008-client-secrets.js';

/** Every migration, in the order of their names. A released one is never changed. */
export function migrations(dialect: Dialect): Record<string, Migration> {
  return {
    '0001-initial': initial(dialect),
    '0002-clients': clients(),
    '0003-status-list': statusList(),
    '0004-session-uuids': sessionUuids(dialect),
    '0005-large-tables': largeTables(dialect),
    '0006-session-epochs': sessionEpochs(),
    '0007-challenges': challenges(dialect),
    '0008-client-secrets': clientSecrets(),
  };
}
