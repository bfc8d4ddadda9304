import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { helpTexts, openApiDocument, referencePages } from '../scripts/reference.js';
import { createProgram } from '../src/cli/program.js';
import { readEnvironment } from '../src/config.js';
import { PROBLEMS } from '../src/contract/problems.js';
import { createService } from '../src/service.js';
import { SETTINGS } from '../src/settings.js';
import { CONTROL_ROUTES } from '../src/testing/control-routes.js';
import { DEFECTS } from '../src/testing/defects.js';

const RENEW = 'the generated part differs from the code: run `npm run docs` and commit docs/';

describe('the reference', () => {
  const pages = makePages();

  it.each([
    'docs/configuration.md',
    'docs/errors.md',
    'docs/routes.md',
    'docs/cli.md',
    'docs/testing.md',
    'docs/openapi.json',
    'docs/reference/client.md',
    'docs/reference/resource-server.md',
    'docs/reference/testing.md',
  ])('%s is what the code says', async (path) => {
    const wanted = (await pages).get(path);
    const found = readFileSync(path, 'utf8');
    expect({ path, found, hint: RENEW }).toEqual({ path, found: wanted, hint: RENEW });
  });

  it('configuration.md names no setting that is not there', () => {
    const page = readFileSync('docs/configuration.md', 'utf8');
    const known = Object.values(SETTINGS).flatMap(({ variable, ...setting }) =>
      'isSecret' in setting ? [variable, `${variable}_FILE`] : [variable],
    );
    const named = [...page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)];
    const strangers = named
      .map(([, name]) => name)
      .filter((name) => !known.some((one) => one === name));
    expect([...new Set(strangers)]).toEqual(['NODE_ENV']);
  });

  it('the OpenAPI document names no error code that is not in the registry, and each that is', async () => {
    const { components } = await openApiDocument(createService, readEnvironment);
    expect(components?.schemas?.['Problem']?.properties?.['code']?.enum?.toSorted()).toEqual(
      Object.keys(PROBLEMS).toSorted(),
    );
  });
});

async function makePages(): Promise<Map<string, string>> {
  return referencePages(process.cwd(), {
    settings: SETTINGS,
    problems: PROBLEMS,
    help: helpTexts(createProgram()),
    controls: CONTROL_ROUTES,
    defects: DEFECTS,
    openapi: await openApiDocument(createService, readEnvironment),
  });
}
