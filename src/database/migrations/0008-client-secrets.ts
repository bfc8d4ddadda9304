import type { Migration } from 'kysely';

/** While a service client's secret is rolled, the one before it lives on. */
export function clientSecrets(): Migration {
  return {
    async up(db) {
      await db.schema.alterTable('clients').addColumn('previous_secret_hash', 'text').execute();
      await db.schema.alterTable('clients').addColumn('previous_secret_until', 'bigint').execute();
    },
  };
}
