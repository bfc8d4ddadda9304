import { gzipSync } from 'node:zlib';
import { readEnvironment } from '../src/config.js';
import { contrast, themeCss } from '../src/pages/theme.js';
import { type Answer, expectProblem } from './support/client.js';
import { Suite, type TestService } from './support/suite.js';

/** The addresses that a document loads, as they stand there. */
function loadedBy(html: string): string[] {
  const found = html.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="([^"]+)"/g);
  return [...found].map(([, address = '']) => address);
}

function meta(html: string, name: string): string | undefined {
  return new RegExp(`<meta name="${name}" content="([^"]*)">`).exec(html)?.[1];
}

describe('The pages over HTTP', () => {
  const suite = new Suite('sqlite');
  let service: TestService;
  let page: Answer;
  beforeAll(async () => {
    service = await suite.open();
    page = await service.get('/');
  });
  afterAll(() => suite.end());

  it('are one document at /, which browsers ask for again', async () => {
    expect(page.status).toBe(200);
    expect(page.header('content-type')).toBe('text/html; charset=utf-8');
    expect(page.header('cache-control')).toBe('no-cache');
    const etag = page.header('etag') ?? '';
    const again = await service.get('/', { headers: { 'if-none-match': etag } });
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
    expect((await service.get('/?utm=1')).status).toBe(200);
  });

  it('run nothing but their own files: strict policy, no script or style in the document', () => {
    const policy = (page.header('content-security-policy') ?? '').split(';').sort();
    expect(policy).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(page.header('cross-origin-opener-policy')).toBe('same-origin');
    expect(page.header('permissions-policy')).toContain('camera=()');
    expect(page.header('referrer-policy')).toBe('no-referrer');
    expect(page.header('x-content-type-options')).toBe('nosniff');
    expect(page.text).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)[^>]*>/i);
  });

  it('name their files relatively, so that a path prefix in front changes nothing', () => {
    const addresses = loadedBy(page.text);
    expect(addresses.length).toBeGreaterThanOrEqual(5);
    for (const address of addresses) expect(address).toMatch(/^(assets\/|client\.js$)/);
  });

  it('serve those files for ever, under names that change with the content', async () => {
    for (const address of loadedBy(page.text).filter((one) => one.startsWith('assets/'))) {
      const file = await service.get(`/${address}`);
      expect(file.status).toBe(200);
      expect(file.header('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(address).toMatch(/-[\w-]{8}\.(js|css|svg)$/);
    }
    const blue = await suite.open({ PAGES_COLOR: '#1d4ed8' });
    expect(loadedBy((await blue.get('/')).text)).not.toEqual(loadedBy(page.text));
  });

  it('compress for those who say that they can read it', async () => {
    for (const path of ['/', ...loadedBy(page.text).map((one) => `/${one}`)]) {
      if (path === '/client.js') continue;
      const plain = await service.get(path);
      expect(plain.header('content-encoding')).toBeUndefined();
      expect(plain.header('vary')).toMatch(/\bAccept-Encoding\b/);
      const refused = await service.get(path, { headers: { 'accept-encoding': 'br, gzip;q=0' } });
      expect(refused.header('content-encoding')).toBeUndefined();
      const response = await fetch(service.url + path, {
        headers: { 'accept-encoding': 'br;q=1.0, gzip;q=0.8' },
      });
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(await response.text()).toBe(plain.text);
    }
  });

  it('weigh less than 60 kB compressed, with the client and all', async () => {
    const paths = ['/', ...loadedBy(page.text).map((one) => `/${one}`)];
    const files = await Promise.all(paths.map((path) => service.get(path)));
    const sizes = files.map(({ text }) => gzipSync(text).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(60_000);
  });

  it('answer HEAD as GET, without the body', async () => {
    for (const path of ['/', `/${loadedBy(page.text)[0]}`]) {
      const head = await service.send('HEAD', path);
      const get = await service.get(path);
      expect(head.text).toBe('');
      for (const name of ['content-type', 'content-length', 'cache-control', 'etag']) {
        expect(head.header(name)).toBe(get.header(name));
      }
    }
  });

  it.each(['/', '/assets/main.js'])('take no other method: 405 at %s', async (path) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await service.send(method, path);
      expectProblem(answer, 'method_not_allowed');
      expect(answer.header('allow')).toBe('GET, HEAD');
    }
  });

  it.each([
    '/assets/unknown.js',
    '/assets/',
    '/assets',
    '/assets/..%2f..%2fmain.js',
    '/assets/%2e%2e/main.js',
    '/assets/../package.json',
    '/account',
    '/index.html',
    '/sign-in',
  ])('leave unknown paths to be problems: %s', async (path) => {
    expectProblem(await service.get(path), 'not_found');
  });

  it('are not there with PAGES=off, but for the client', async () => {
    const bare = await suite.open({ PAGES: 'off' });
    for (const path of ['/', `/${loadedBy(page.text)[0]}`]) {
      expectProblem(await bare.get(path), 'not_found');
    }
    expect((await bare.get('/client.js')).status).toBe(200);
  });

  it('are called what PAGES_NAME says, whatever signs are in it', async () => {
    const named = await suite.open({ PAGES_NAME: '  <b>"Ada" & Söhne</b> ' });
    const { text } = await named.get('/');
    const written = '&#60;b&#62;&#34;Ada&#34; &#38; Söhne&#60;/b&#62;';
    expect(text).toContain(`<title>${written}</title>`);
    expect(meta(text, 'application-name')).toBe(written);
    expect(text).not.toContain('<b>');
  });

  it('tell the script what it has to know', async () => {
    const strict = await suite.open({ REGISTRATION: 'closed', PASSWORD_MIN_LENGTH: '12' });
    const { text } = await strict.get('/');
    expect(meta(text, 'latchkey:registration')).toBe('closed');
    expect(meta(text, 'latchkey:password-min-length')).toBe('12');
    expect(meta(page.text, 'latchkey:registration')).toBe('open');
    expect(meta(page.text, 'latchkey:public-url')).toBe(service.url);
  });

  it('refuse a name or a colour that can’t be used, at the start', () => {
    const wrong = {
      PAGES: 'maybe',
      PAGES_NAME: 'x'.repeat(61),
      PAGES_COLOR: 'red;}body{display:none',
    };
    for (const name of Object.keys(wrong)) {
      expect(() => readEnvironment(wrong)).toThrow(new RegExp(`^ +${name} must be`, 'm'));
    }
    expect(() => readEnvironment({ PAGES_NAME: 'two\nlines' })).toThrow(/PAGES_NAME/);
  });
});

describe('Whatever the colour of the pages', () => {
  const grey = (level: number) => `#${level.toString(16).padStart(2, '0').repeat(3)}`;
  const COLORS = [
    ...[0, 64, 119, 128, 200, 255].map(grey),
    ...['#ff0000', '#00ff00', '#0000ff', '#ffff00', '#0f6b5c', '#7c3aed', '#f59e0b'],
  ];

  const schemes = (color: string) =>
    [...themeCss(color).matchAll(/:root\{([^}]*)\}/g)].map(([, properties = '']) =>
      Object.fromEntries(properties.split(';').map((one) => one.slice(2).split(':'))),
    );

  it.each(COLORS)('text can be read on it and links on their ground: %s', (color) => {
    expect(schemes(color)).toHaveLength(2);
    for (const theme of schemes(color)) {
      expect(contrast(theme['accent'], theme['on-accent'])).toBeGreaterThanOrEqual(4.5);
      for (const ground of ['page', 'surface', 'accent-soft']) {
        expect(contrast(theme['accent-text'], theme[ground])).toBeGreaterThanOrEqual(4.5);
      }
      for (const ground of ['page', 'surface']) {
        expect(contrast(theme['accent'], theme[ground])).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it('a colour that can be read already is taken as it is', () => {
    expect(schemes('#0f6b5c')[0]).toMatchObject({ accent: '#0f6b5c', 'accent-text': '#0f6b5c' });
  });
});
