import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { etagOf } from '../keys/public-document.js';
import { iconSvg } from './icon.js';
import { pageHtml } from './page-html.js';
import { themeCss } from './theme.js';

/** Where the build leaves the browser's part; the same place from `src/pages/` and from `dist/pages/`. */
const BUILT = new URL('../../dist/pages/browser/', import.meta.url);

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/** A file as it is served: plain and compressed. */
export interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly etag: string;
}

/** Everything that the pages consist of, read and compressed once, at the start. */
@Injectable()
export class PageFiles {
  readonly #assets = new Map<string, PageFile>();
  /** The HTML document. */
  readonly page: PageFile;
  /** The same for a browser that brought no session, so that its script need not ask for one. */
  readonly pageWithoutSession: PageFile;

  /** @throws Error when the browser's part was not built. */
  constructor(@Inject(CONFIG) config: LatchkeyConfig) {
    const { script, styles } = this.#readBuilt();
    const theme = this.#add('theme', '.css', themeCss(config.pagesColor));
    const icon = this.#add('icon', '.svg', iconSvg(config.pagesColor));
    const parts = { script, styles: [theme, ...styles], icon };
    const html = (session: 'none' | 'unknown') => Buffer.from(pageHtml(config, parts, session));
    this.page = pageFile('.html', html('unknown'));
    this.pageWithoutSession = pageFile('.html', html('none'));
  }

  /** @returns the file with that name under `assets/`, if it is one of ours. */
  asset(name: string): PageFile | undefined {
    return this.#assets.get(name);
  }

  #readBuilt(): { script: string; styles: readonly string[] } {
    const folder = new URL('assets/', BUILT);
    if (!existsSync(folder)) throw new Error('The pages are not built: run `npm run build`');
    const names = readdirSync(folder);
    for (const name of names) {
      this.#assets.set(name, pageFile(extname(name), readFileSync(new URL(name, folder))));
    }
    const script = names.find((name) => /^main-.+\.js$/.test(name));
    if (script === undefined) throw new Error('The build of the pages has no main script');
    return { script, styles: names.filter((name) => extname(name) === '.css') };
  }

  /** @returns the name, which changes with the content. */
  #add(stem: string, extension: string, text: string): string {
    const hash = createHash('sha256').update(text).digest('base64url').slice(0, 8);
    const name = `${stem}-${hash}${extension}`;
    this.#assets.set(name, pageFile(extension, Buffer.from(text)));
    return name;
  }
}

function pageFile(extension: string, plain: Buffer): PageFile {
  const type = TYPES.get(extension);
  if (type === undefined) throw new Error(`The pages hold a file of no known type: ${extension}`);
  return {
    type,
    plain,
    gzip: gzipSync(plain, { level: 9 }),
    etag: `W/${etagOf(plain.toString())}`,
  };
}
