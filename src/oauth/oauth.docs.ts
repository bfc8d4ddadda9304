import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { FORM_TYPE } from '../http/form.js';
import { OAuthErrorDto } from './oauth.dto.js';

/** Says in the OpenAPI document that a route takes a form. */
export function ApiForm(type: Type): MethodDecorator {
  return applyDecorators(ApiConsumes(FORM_TYPE), ApiBody({ type }));
}

const ERRORS = {
  400: 'The request is wrong (RFC 6749 §5.2).',
  401: '`invalid_client`: the client is unknown or its secret is wrong.',
  413: 'The form is longer than 64 KiB.',
  415: 'The body is no form.',
  503: '`temporarily_unavailable`: wait for as many seconds as `Retry-After` says.',
} as const;

/** The errors that every OAuth endpoint may answer with. */
export function ApiOAuthErrors(): MethodDecorator & ClassDecorator {
  const schema = { $ref: getSchemaPath(OAuthErrorDto) };
  const responses = Object.entries(ERRORS).map(([status, description]) =>
    ApiResponse({
      status: Number(status),
      description,
      content: { 'application/json': { schema } },
    }),
  );
  return applyDecorators(ApiExtraModels(OAuthErrorDto), ...responses);
}
