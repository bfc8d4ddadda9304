import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { freshEmail, PASSWORD } from './support/client.js';
import { Suite, type TestService } from './support/suite.js';

describe('/client.js', () => {
  const suite = new Suite('sqlite');
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ CORS_ORIGINS: 'https://app.example' });
  });
  afterAll(() => suite.end());

  it('is a module that pages of any origin may load', async () => {
    for (const origin of ['https://app.example', 'https://elsewhere.example', undefined]) {
      const answer = await service.get('/client.js', { headers: origin ? { origin } : {} });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/javascript; charset=utf-8',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'x-content-type-options': 'nosniff',
      });
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });

  it('is the built client, byte for byte', async () => {
    const answer = await service.get('/client.js');
    expect(answer.text).toBe(readFileSync('dist/client/index.js', 'utf8'));
  });

  it('is asked for again at each load, and sent only if it is another one', async () => {
    const first = await service.get('/client.js');
    expect(first.header('cache-control')).toBe('public, max-age=0');
    const headers = { 'if-none-match': String(first.header('etag')) };
    const again = await service.get('/client.js', { headers });
    expect([again.status, again.text]).toEqual([304, '']);
    const other = await service.get('/client.js', { headers: { 'if-none-match': '"old"' } });
    expect(other.status).toBe(200);
  });

  it('answers HEAD', async () => {
    const answer = await service.send('HEAD', '/client.js');
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(answer.header('etag')).toMatch(/^"/);
  });
});

describe('the built client', () => {
  const code = readFileSync('dist/client/index.js', 'utf8');

  it('is smaller than 5.5 kB compressed', () => {
    expect(gzipSync(code).length).toBeLessThan(5_500);
  });

  describe('where little of a browser is there', () => {
    const suite = new Suite('sqlite');
    afterAll(() => suite.end());

    it('signs up, calls, renews and signs out, with a poor URL, no channel, no locks and no storage', async () => {
      const service = await suite.open();
      const email = freshEmail();
      const script = new URL('support/poor-browser.js', import.meta.url).pathname;
      const { stdout } = await promisify(execFile)('node', [script, service.url, email, PASSWORD]);
      expect(JSON.parse(stdout)).toEqual({
        registered: email,
        known: email,
        statuses: [200, 200, 401],
        sessions: 1,
        after: null,
      });
    });
  });

  it('is one file without imports, and holds nothing of Node or Nest', () => {
    expect(code).not.toMatch(/\bimport\b|\brequire\b|\bprocess\b|\bBuffer\b|node:|nest/i);
  });

  it('exports what the package promises', async () => {
    const built = new URL('../dist/client/index.js', import.meta.url).href;
    expect(Object.keys(await import(built)).sort()).toEqual(['LatchkeyError', 'createClient']);
  });
});
