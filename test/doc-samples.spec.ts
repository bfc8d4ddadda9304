import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** Every TypeScript sample of a page. */
function samplesOf(page: string): string[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^ *```(?:ts|typescript|tsx)\n(.*?)^ *```/gms)].map(
    ([, code = '']) => code,
  );
}

const PAGES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].filter((page) => samplesOf(page).length > 0);

const ENTRIES: Readonly<Record<string, string>> = {
  latchkey: 'src/index.ts',
  'latchkey/client': 'src/client/index.ts',
  'latchkey/resource-server': 'src/resource-server/index.ts',
  'latchkey/resource-server/core': 'src/resource-server/core.ts',
  'latchkey/testing': 'src/testing/index.ts',
  'latchkey/testing/playwright': 'src/testing/playwright.ts',
  'latchkey/testing/jest': 'src/testing/jest.ts',
  'latchkey/testing/jest-globals': 'src/testing/jest-globals.ts',
  'latchkey/testing/vitest': 'src/testing/vitest.ts',
};

function exportsOf(): ReadonlyMap<string, ReadonlySet<string>> {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve('.'));
  const files = Object.values(ENTRIES).map((file) => resolve(file));
  const program = ts.createProgram(files, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  return new Map(
    Object.entries(ENTRIES).map(([name, file]) => {
      const source = program.getSourceFile(resolve(file));
      const module = source && checker.getSymbolAtLocation(source);
      const exported = module === undefined ? [] : checker.getExportsOfModule(module);
      return [name, new Set(exported.map((symbol) => symbol.name))];
    }),
  );
}

describe('the samples of the documentation', () => {
  const known = exportsOf();

  it.each(PAGES)('of %s are well-formed TypeScript', (page) => {
    for (const sample of samplesOf(page)) {
      const { diagnostics = [] } = ts.transpileModule(sample.replaceAll('…', '0'), {
        reportDiagnostics: true,
        compilerOptions: { target: ts.ScriptTarget.ES2022, experimentalDecorators: true },
      });
      const messages = diagnostics.map(({ messageText }) => messageText);
      expect({ sample, messages }).toEqual({ sample, messages: [] });
    }
  });

  it.each(PAGES)('of %s import what there is', (page) => {
    for (const sample of samplesOf(page)) {
      const source = ts.createSourceFile('sample.ts', sample, ts.ScriptTarget.ES2022, true);
      for (const statement of source.statements.filter(ts.isImportDeclaration)) {
        const from = statement.moduleSpecifier;
        if (!ts.isStringLiteral(from) || !from.text.startsWith('latchkey')) continue;
        const exported = known.get(from.text);
        expect({ page, from: from.text, isKnown: exported !== undefined }).toEqual({
          ...{ page, from: from.text },
          isKnown: true,
        });
        const bindings = statement.importClause?.namedBindings;
        const names = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
        const unknown = names
          .map(({ propertyName, name }) => (propertyName ?? name).text)
          .filter((name) => exported?.has(name) !== true);
        expect({ page, from: from.text, unknown }).toEqual({ page, from: from.text, unknown: [] });
      }
    }
  });
});
