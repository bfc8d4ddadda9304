import { ApiProperty } from '@nestjs/swagger';

/** A user as every answer shows one. */
export class UserDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'email' }) email!: string;
  @ApiProperty() emailVerified!: boolean;
  @ApiProperty({ type: String, nullable: true }) username!: string | null;
  @ApiProperty({ type: String, nullable: true }) name!: string | null;
  @ApiProperty({ type: [String] }) roles!: string[];
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

/** A user as administrators see one. */
export class AdminUserDto extends UserDto {
  @ApiProperty() disabled!: boolean;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Until when the password rests after 100 failures in a row.',
  })
  lockedUntil!: string | null;
}
