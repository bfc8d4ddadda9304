import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional, IsString, MaxLength, ValidateIf } from 'class-validator';
import { type Transport, TRANSPORTS } from '../contract/responses.js';
import { IsEmailField, IsNameField, IsPasswordField, IsUsernameField } from '../http/fields.js';
import { UserDto } from '../users/user.dto.js';

const GIVEN = (_: object, value: unknown) => value !== undefined;

export class RegisterDto {
  @ApiProperty({ format: 'email', maxLength: 254 })
  @IsEmailField()
  email!: string;

  @ApiProperty({
    minLength: 8,
    maxLength: 256,
    description: 'Any Unicode; counted in code points.',
  })
  @IsPasswordField()
  password!: string;

  @ApiPropertyOptional({ pattern: '^[a-z0-9][a-z0-9._-]{2,31}$', nullable: true, type: String })
  @IsOptional()
  @IsUsernameField()
  username?: string | null;

  @ApiPropertyOptional({ minLength: 1, maxLength: 100, nullable: true, type: String })
  @IsOptional()
  @IsNameField()
  name?: string | null;

  @ApiPropertyOptional({ enum: TRANSPORTS, default: 'body' })
  @ValidateIf(GIVEN)
  @IsIn(TRANSPORTS, { message: 'must be "body" or "cookie"' })
  transport?: Transport;
}

export class LoginDto {
  @ApiPropertyOptional({ description: 'Either this or `username`.', format: 'email' })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  @MaxLength(320, { message: 'must not be longer than 320 characters' })
  email?: string;

  @ApiPropertyOptional({ description: 'Either this or `email`.' })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  @MaxLength(320, { message: 'must not be longer than 320 characters' })
  username?: string;

  @ApiProperty()
  @IsPasswordField()
  password!: string;

  @ApiPropertyOptional({ enum: TRANSPORTS, default: 'body' })
  @ValidateIf(GIVEN)
  @IsIn(TRANSPORTS, { message: 'must be "body" or "cookie"' })
  transport?: Transport;
}

export class LogoutDto {
  @ApiPropertyOptional({ description: 'Left out when the refresh token is in the cookie.' })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  refreshToken?: string;
}

export class RefreshDto extends LogoutDto {
  @ApiPropertyOptional({
    description:
      'Fewer scopes, space-separated, for the access token of this answer. It has no roles then.',
  })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  @MaxLength(4096, { message: 'must not be longer than 4096 characters' })
  scope?: string;

  @ApiPropertyOptional({
    description: 'One of the configured audiences, for the access token of this answer.',
  })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  audience?: string;
}

export class LogoutAllDto {
  @ApiPropertyOptional({ default: false, description: 'Leave the session of this access token.' })
  @ValidateIf(GIVEN)
  @IsBoolean({ message: 'must be true or false' })
  keepCurrent?: boolean;
}

export class ChangePasswordDto {
  @ApiProperty()
  @IsPasswordField()
  currentPassword!: string;

  @ApiProperty({ minLength: 8, maxLength: 256 })
  @IsPasswordField()
  newPassword!: string;
}

export class TokenResponseDto {
  @ApiProperty({ enum: ['Bearer'] }) tokenType!: 'Bearer';
  @ApiProperty() accessToken!: string;
  @ApiProperty({ description: 'Seconds.' }) expiresIn!: number;
  @ApiPropertyOptional({ description: 'Left out when it travels in the cookie.' })
  refreshToken?: string;
  @ApiProperty({ description: 'Seconds.' }) refreshExpiresIn!: number;
  @ApiProperty() sessionId!: string;
  @ApiProperty({ type: UserDto }) user!: UserDto;
}
