import type { Command } from 'commander';
import { readEnvironment } from '../config.js';
import { openDatabase } from '../database/open.js';
import { JSON_FLAG, JSON_HELP } from './options.js';
import { noteAboutNewFile } from './services.js';
import { print, printJson, tell } from './terminal.js';

/** `latchkey start` and `latchkey migrate`. */
export function addServiceCommands(program: Command): void {
  program
    .command('start')
    .description('Run the service until SIGTERM or SIGINT.')
    .action(async () => {
      await import('../main.js');
    });
  program
    .command('migrate')
    .description('Bring the tables up to date. The service and every command do so by themselves.')
    .option(JSON_FLAG, JSON_HELP)
    .action(migrate);
}

async function migrate({ json }: { json?: boolean }): Promise<void> {
  const applied: string[] = [];
  const config = readEnvironment();
  const note = noteAboutNewFile(config);
  const database = await openDatabase(config, {
    onMigrated: (names) => applied.push(...names),
    onWaiting: (reason) => tell(`Warning: waiting for the database: ${reason}`),
  });
  await database.close();
  if (note !== undefined) tell(note);
  if (json) printJson({ applied });
  else print(applied.length === 0 ? 'Nothing to do' : `Applied ${applied.join(', ')}`);
}
