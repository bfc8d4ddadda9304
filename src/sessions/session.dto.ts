import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength, ValidateIf } from 'class-validator';

const CURSOR = { message: 'must be the nextCursor of a page' };

export class ListSessionsDto {
  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @ValidateIf((_: object, value: unknown) => value !== undefined)
  @IsString(CURSOR)
  @MaxLength(64, CURSOR)
  cursor?: string;
}

/** A session as it is listed to its user or to an administrator. */
export class SessionDto {
  @ApiProperty() id!: string;
  @ApiProperty() current!: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({
    format: 'date-time',
    description: 'Of the current session the time of the answer; of others to the hour.',
  })
  lastUsedAt!: string;
  @ApiProperty({
    format: 'date-time',
    description: 'Of the current session what a renewal now would give; of others to the hour.',
  })
  expiresAt!: string;
  @ApiProperty({ type: String, nullable: true }) ip!: string | null;
  @ApiProperty({ type: String, nullable: true }) userAgent!: string | null;
  @ApiProperty({ type: String, nullable: true }) device!: string | null;
}

export class SessionListDto {
  @ApiProperty({
    type: [SessionDto],
    description: '100 a page: the current one, then those that began last first.',
  })
  sessions!: SessionDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}
