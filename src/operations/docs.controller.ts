import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Header, Param, StreamableFile } from '@nestjs/common';
import { ApiExcludeController, type OpenAPIObject } from '@nestjs/swagger';
import { Public } from '../http/access.decorators.js';
import { Problem } from '../http/problem.js';
import { page } from './html.js';
import { OpenApi } from './open-api.js';

const JAVASCRIPT = 'text/javascript; charset=utf-8';

/** The files of swagger-ui-dist that `/docs/` serves, and nothing else. */
const FILES: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', JAVASCRIPT],
  ['favicon-32x32.png', 'image/png'],
]);

/** A file of its own, because the content security policy lets no inline script run. */
const START = `window.ui = SwaggerUIBundle({
  url: new URL('../openapi.json', document.currentScript.src).href,
  dom_id: '#ui',
  deepLinking: true,
});
`;

/** The API's description, for machines and for people. */
@ApiExcludeController()
@Public()
@Controller()
export class DocsController {
  constructor(private readonly openApi: OpenApi) {}

  @Get('openapi.json')
  description(): OpenAPIObject {
    return this.openApi.document();
  }

  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  docs(): string {
    const head =
      '<link rel="stylesheet" href="docs/swagger-ui.css"><link rel="icon" href="docs/favicon-32x32.png">';
    const body =
      '<div id="ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>';
    return page('Latchkey', head, body);
  }

  @Get('docs/:file')
  file(@Param('file') file: string): StreamableFile {
    if (file === 'start.js') return new StreamableFile(Buffer.from(START), { type: JAVASCRIPT });
    const type = FILES.get(file);
    if (type === undefined) throw new Problem('not_found');
    return new StreamableFile(content(file), { type });
  }
}

const contents = new Map<string, Buffer>();

/** Read from disk once. */
function content(file: string): Buffer {
  const known = contents.get(file) ?? readFileSync(join(folder(), file));
  contents.set(file, known);
  return known;
}

function folder(): string {
  return dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
}
