/** `npm run docs`: renews the generated parts of `docs/` from the built code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './build.js';
import { helpTexts, openApiDocument, referencePages } from './reference.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

ensureBuilt();
const { readEnvironment } = await import('../dist/config.js');
const { SETTINGS } = await import('../dist/settings.js');
const { PROBLEMS } = await import('../dist/contract/problems.js');
const { createProgram } = await import('../dist/cli/program.js');
const { CONTROL_ROUTES } = await import('../dist/testing/control-routes.js');
const { DEFECTS } = await import('../dist/testing/defects.js');
const { createService } = await import('../dist/service.js');

const pages = await referencePages(root, {
  settings: SETTINGS,
  problems: PROBLEMS,
  help: helpTexts(createProgram()),
  controls: CONTROL_ROUTES,
  defects: DEFECTS,
  openapi: await openApiDocument(createService, readEnvironment),
});
mkdirSync(join(root, 'docs', 'reference'), { recursive: true });
for (const [path, text] of pages) writeFileSync(join(root, path), text);
