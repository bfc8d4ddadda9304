import type { LatchkeyConfig } from '../../src/config.js';
import { Database } from '../../src/database/database.js';
import { LatchkeyEvents } from '../../src/events.js';
import type { WorkingKeys } from '../../src/keys/working-keys.js';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import { PasswordPolicy } from '../../src/passwords/password-policy.js';
import { SessionRepository } from '../../src/sessions/session.repository.js';
import { SessionUpkeep } from '../../src/sessions/session-upkeep.js';
import { SessionUpkeepRepository } from '../../src/sessions/session-upkeep.repository.js';
import { Sessions } from '../../src/sessions/sessions.js';
import { StatusIndexes } from '../../src/sessions/status-indexes.js';
import type { MovableClock } from '../../src/testing/movable-clock.js';
import { UserSearch } from '../../src/users/user-search.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { UsersService } from '../../src/users/users.service.js';

/** A node without HTTP. */
export function bareNode(config: LatchkeyConfig, clock: MovableClock) {
  const database = new Database(config.databaseUrl);
  const rows = new SessionRepository();
  const indexes = new StatusIndexes(database, rows);
  const sessions = new Sessions(config, database, rows, clock, new LatchkeyEvents(), indexes);
  const keys: Pick<WorkingKeys, 'pepper'> = { pepper: () => Buffer.alloc(48) };
  const usersRows = new UsersRepository();
  const users = new UsersService(
    database,
    usersRows,
    new UserSearch(database, usersRows),
    sessions,
    new PasswordHasher(config, keys as WorkingKeys),
    new PasswordPolicy(config),
    clock,
  );
  const upkeep = new SessionUpkeep(config, database, new SessionUpkeepRepository(), clock);
  return { database, sessions, upkeep, users };
}
