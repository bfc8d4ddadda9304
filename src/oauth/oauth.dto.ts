import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { OAUTH_ERRORS, type OAuthErrorCode } from '../http/oauth-error.js';

/*
 * For the OpenAPI document alone: forms are read by `http/form.ts`, not by these classes.
 */

class ClientParametersDto {
  @ApiPropertyOptional({ description: 'Unless the client authenticates with Basic.' })
  client_id?: string;

  @ApiPropertyOptional({ description: 'Unless the client authenticates with Basic, or is public.' })
  client_secret?: string;
}

export class TokenRequestDto extends ClientParametersDto {
  @ApiProperty({ enum: ['client_credentials', 'refresh_token'] })
  grant_type!: string;

  @ApiPropertyOptional({ description: 'Space-separated; all that may be had if left out.' })
  scope?: string;

  @ApiPropertyOptional({ description: 'For `refresh_token`.' })
  refresh_token?: string;
}

export class TokenFormDto extends ClientParametersDto {
  @ApiProperty({ description: 'An access token, a refresh token or a service’s token.' })
  token!: string;

  @ApiPropertyOptional({ description: 'Not needed: tokens say what they are.' })
  token_type_hint?: string;
}

export class OAuthTokenResponseDto {
  @ApiProperty() access_token!: string;
  @ApiProperty({ enum: ['Bearer'] }) token_type!: 'Bearer';
  @ApiProperty({ description: 'Seconds.' }) expires_in!: number;
  @ApiPropertyOptional({ description: 'Space-separated; left out when there is none.' })
  scope?: string;
  @ApiPropertyOptional({ description: 'Only for `refresh_token`.' }) refresh_token?: string;
}

export class IntrospectedDto {
  @ApiProperty({ description: 'When false, the only member.' }) active!: boolean;
  @ApiPropertyOptional({ enum: ['Bearer', 'refresh_token'] }) token_type?: string;
  @ApiPropertyOptional() client_id?: string;
  @ApiPropertyOptional({ description: 'User, or service client.' }) sub?: string;
  @ApiPropertyOptional({ description: 'Session; not for service tokens.' }) sid?: string;
  @ApiPropertyOptional({ description: 'Space-separated.' }) scope?: string;
  @ApiPropertyOptional({ type: [String] }) roles?: string[];
  @ApiPropertyOptional() iss?: string;
  @ApiPropertyOptional({
    oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
  })
  aud?: string | string[];
  @ApiPropertyOptional() jti?: string;
  @ApiPropertyOptional({ description: 'Seconds since the epoch.' }) iat?: number;
  @ApiPropertyOptional({ description: 'Seconds since the epoch.' }) exp?: number;
  @ApiPropertyOptional({ description: 'Seconds since the epoch.' }) auth_time?: number;
  @ApiPropertyOptional({ type: [String] }) amr?: string[];
}

export class OAuthErrorDto {
  @ApiProperty({ enum: OAUTH_ERRORS }) error!: OAuthErrorCode;
  @ApiProperty() error_description!: string;
}
