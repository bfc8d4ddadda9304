import { spawnSync } from 'node:child_process';
import { importsOf, isFile, loadedBy } from './support/import-graph.js';

const ofKit = (file: string) => file.startsWith('testing/');

describe('What can be reached of the kit', () => {
  it.each(['main.ts', 'index.ts', 'client/index.ts', 'resource-server/index.ts'])(
    'nothing from %s, whatever happens there',
    (entry) => {
      const loaded = [...loadedBy(entry)];
      expect(loaded.filter(isFile).length).toBeGreaterThan(5);
      expect(loaded.filter(ofKit)).toEqual([]);
    },
  );

  it('nothing from the command line but by running dev-server', () => {
    const ways = importsOf('cli/main.ts', ({ from }) => !ofKit(from)).filter(({ to }) => ofKit(to));
    expect(ways).toEqual([
      { from: 'cli/dev-server.command.ts', to: 'testing/dev-server.ts', late: true },
    ]);
  });
});

describe('What latchkey/testing loads', () => {
  it('is the contract and Node, until a Latchkey is started', () => {
    const loaded = [...loadedBy('testing/index.ts', ({ late }) => !late)];
    expect(loaded.filter((name) => !isFile(name) && !name.startsWith('node:'))).toEqual([]);
    const elsewhere = loaded.filter((name) => isFile(name) && !/^(contract|testing)\//.test(name));
    expect(elsewhere.sort()).toEqual([
      'keys/key-material.ts',
      'keys/public-document.ts',
      'revocation/status-bits.ts',
    ]);
  });

  it('seen as it runs: an issuer without Nest, a database driver or any native addon', () => {
    const script = `
      import { createTestIssuer } from 'latchkey/testing';
      const issuer = await createTestIssuer();
      const { sharedObjects } = process.report.getReport();
      const addons = sharedObjects.filter((file) => file.endsWith('.node'));
      const nest = Reflect.has(Reflect, 'getMetadata');
      console.log(JSON.stringify({ addons, nest, parts: issuer.token().split('.').length }));
      await issuer.close();`;
    const args = ['--input-type=module', '-e', script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (stdout === '') throw new Error(stderr);
    expect(JSON.parse(stdout)).toEqual({ addons: [], nest: false, parts: 3 });
  });
});
