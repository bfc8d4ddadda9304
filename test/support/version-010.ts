import type { TestDatabase } from './databases.js';

const INDEXES = [
  ...['users_by_email', 'users_by_name', 'users_admins'],
  ...['revoked_tokens_by_end', 'attempts_by_end'],
];
const INDEXES_OF_POSTGRES = ['users_by_email_key', 'users_by_username', 'sessions_in_order_of_end'];
/** The migrations since 0.1.0. */
export const SINCE_010 = [
  '0004-session-uuids',
  '0005-large-tables',
  '0006-session-epochs',
  '0007-challenges',
  '0008-client-secrets',
];

/** Takes back what was changed since 0.1.0, which kept the ids of sessions as texts on PostgreSQL too. */
export async function takeBackTo010(place: TestDatabase): Promise<void> {
  await place.query(`delete from kysely_migration where name >= '0004'`);
  const indexes = place.kind === 'sqlite' ? INDEXES : [...INDEXES, ...INDEXES_OF_POSTGRES];
  for (const index of indexes) await place.query(`drop index ${index}`);
  await place.query('drop table challenges');
  await place.query('drop index sessions_live_by_user');
  await place.query('create index sessions_by_user on sessions (user_id)');
  await place.query('alter table sessions drop column epoch');
  await place.query('drop table session_epochs');
  for (const column of ['previous_secret_hash', 'previous_secret_until']) {
    await place.query(`alter table clients drop column ${column}`);
  }
  if (place.kind === 'sqlite') return;
  await place.query(
    'create index sessions_by_end on sessions (ended_at) where ended_at is not null',
  );
  await place.query('alter table sessions alter column id type text using id::text');
}
