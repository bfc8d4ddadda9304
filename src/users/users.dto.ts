import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
} from 'class-validator';
import {
  IsEmailField,
  IsNameField,
  IsPasswordField,
  IsRoleList,
  IsUsernameField,
} from '../http/fields.js';
import { AdminUserDto } from './user.dto.js';

const GIVEN = (_: object, value: unknown) => value !== undefined;
const LIMIT = { message: 'must be a whole number from 1 to 200' };
const ROLES = 'Each `[a-z][a-z0-9_-]{0,31}`.';

/** What a user may change of himself; null clears. */
export class UpdateMeDto {
  @ApiPropertyOptional({ minLength: 1, maxLength: 100, nullable: true, type: String })
  @IsOptional()
  @IsNameField()
  name?: string | null;

  @ApiPropertyOptional({ pattern: '^[a-z0-9][a-z0-9._-]{2,31}$', nullable: true, type: String })
  @IsOptional()
  @IsUsernameField()
  username?: string | null;
}

export class DeleteMeDto {
  @ApiProperty({ description: 'The current password.' })
  @IsPasswordField()
  password!: string;
}

export class CreateUserDto extends UpdateMeDto {
  @ApiProperty({ format: 'email', maxLength: 254 })
  @IsEmailField()
  email!: string;

  @ApiProperty({ minLength: 8, maxLength: 256, description: 'Any Unicode, in code points.' })
  @IsPasswordField()
  password!: string;

  @ApiPropertyOptional({ type: [String], description: ROLES, default: ['user'] })
  @ValidateIf(GIVEN)
  @IsRoleList()
  roles?: string[];

  @ApiPropertyOptional({ default: false })
  @ValidateIf(GIVEN)
  @IsBoolean({ message: 'must be true or false' })
  emailVerified?: boolean;
}

/** What an administrator may change of a user. */
export class UpdateUserDto extends UpdateMeDto {
  @ApiPropertyOptional({ type: [String], description: ROLES })
  @ValidateIf(GIVEN)
  @IsRoleList()
  roles?: string[];

  @ApiPropertyOptional({ description: 'true ends every session of the user at once.' })
  @ValidateIf(GIVEN)
  @IsBoolean({ message: 'must be true or false' })
  disabled?: boolean;

  @ApiPropertyOptional({
    format: 'email',
    maxLength: 254,
    description: 'Another address counts as not verified.',
  })
  @ValidateIf(GIVEN)
  @IsEmailField()
  email?: string;
}

export class ListUsersDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 200, default: 50 })
  @ValidateIf(GIVEN)
  @IsInt(LIMIT)
  @Min(1, LIMIT)
  @Max(200, LIMIT)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  cursor?: string;

  @ApiPropertyOptional({
    maxLength: 254,
    description: 'How an e-mail, user name or name begins, whatever the case of its letters.',
  })
  @ValidateIf(GIVEN)
  @IsString({ message: 'must be a string' })
  @MaxLength(254, { message: 'must not be longer than 254 characters' })
  query?: string;
}

export class UserPageDto {
  @ApiProperty({ type: [AdminUserDto] }) items!: AdminUserDto[];
  @ApiProperty({ type: String, nullable: true, description: 'null on the last page.' })
  nextCursor!: string | null;
}
