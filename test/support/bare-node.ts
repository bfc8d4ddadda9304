import type { LatchkeyConfig } from '../../src/config.js';
import { Database } from '../../src/database/database.js';
import { LatchkeyEvents } from '../../src/events.js';
import type { WorkingKeys } from '../../src/keys/working-keys.js';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import { PasswordRests } from '../../src/passwords/password-rests.js';
import { PasswordPolicy } from '../../src/passwords/password-policy.js';
import { SessionRepository } from '../../src/sessions/session.repository.js';
import { SessionUpkeep } from '../../src/sessions/session-upkeep.js';
import { SessionUpkeepRepository } from '../../src/sessions/session-upkeep.repository.js';
import { CutOffRepository } from '../../src/sessions/cut-off.repository.js';
import { SessionCutOff } from '../../src/sessions/session-cut-off.js';
import { SessionLimit } from '../../src/sessions/session-limit.js';
import { UserSessionsRepository } from '../../src/sessions/user-sessions.repository.js';
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
  const events = new LatchkeyEvents();
  const cutOffs = new SessionCutOff(database, new CutOffRepository(), clock, events);
  const limit = new SessionLimit(config, database, new UserSessionsRepository(), clock, events);
  const sessions = new Sessions(config, database, rows, clock, events, indexes, cutOffs, limit);
  const keys: Pick<WorkingKeys, 'pepper'> = { pepper: () => Buffer.alloc(48) };
  const usersRows = new UsersRepository();
  const users = new UsersService(
    database,
    usersRows,
    new UserSearch(database, usersRows),
    sessions,
    new PasswordHasher(config, keys as WorkingKeys),
    new PasswordPolicy(config),
    new PasswordRests(database, clock),
    clock,
  );
  const upkeep = new SessionUpkeep(config, database, new SessionUpkeepRepository(), clock);
  return { database, sessions, upkeep, users };
}
