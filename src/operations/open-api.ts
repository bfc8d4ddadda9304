import { readFileSync } from 'node:fs';
import type { INestApplication } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { PROBLEMS } from '../contract/problems.js';
import { nullableAsType } from './open-api-nullable.js';

/** The OpenAPI 3.1 document, made from the code when somebody first asks for it. */
@Injectable()
export class OpenApi {
  #app: INestApplication | undefined;
  #document: OpenAPIObject | undefined;

  constructor(@Inject(CONFIG) private readonly config: LatchkeyConfig) {}

  /** Must be called before `document`. */
  describe(app: INestApplication): void {
    this.#app = app;
  }

  document(): OpenAPIObject {
    if (this.#app === undefined) throw new Error('OpenApi.describe was not called');
    this.#document ??= build(this.#app, this.config);
    return this.#document;
  }
}

function build(app: INestApplication, config: LatchkeyConfig): OpenAPIObject {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Latchkey')
    .setDescription('Accounts, sessions, and the tokens that other services trust.')
    .setVersion(version)
    .addServer(config.publicUrl)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addBasicAuth()
    .build();
  const document = SwaggerModule.createDocument(app, base, {
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
  const schemas = { ...document.components?.schemas, Problem: problemSchema() };
  return nullableAsType({ ...document, components: { ...document.components, schemas } });
}

/** RFC 9457 §3.1, as `problemDocument` writes it. */
function problemSchema() {
  const text = { type: 'string' };
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: { type: 'string', enum: Object.keys(PROBLEMS) },
      requestId: text,
      errors: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'detail'],
          properties: { pointer: text, detail: text },
        },
      },
    },
  };
}
