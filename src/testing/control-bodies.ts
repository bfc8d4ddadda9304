import {
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { type Transport, TRANSPORTS } from '../contract/responses.js';
import {
  IsEmailField,
  IsNameField,
  IsPasswordField,
  IsRoleList,
  IsUsernameField,
} from '../http/fields.js';
import { type Defect, DEFECTS } from './defects.js';
import { readDuration } from './duration.js';

const GIVEN = (_: object, value: unknown) => value !== undefined;
const TEXT = { message: 'must be a text' };
const TEXTS = { message: 'must be a list of texts', each: true };

/** Anything: the judgement is `asFault`'s. */
function Judged(): PropertyDecorator {
  return ValidateBy({ name: 'judged', validator: { validate: () => true } });
}

function IsDuration(): PropertyDecorator {
  return ValidateBy({
    name: 'isDuration',
    validator: {
      validate: (value: unknown) => readDuration(value) !== undefined,
      defaultMessage: () => 'must be milliseconds, or a duration such as 300ms, 30s, 11m, 12h, 30d',
    },
  });
}

export class NoBody {}

class NewUserBody {
  @ValidateIf(GIVEN)
  @IsEmailField()
  email?: string;

  @ValidateIf(GIVEN)
  @IsBoolean({ message: 'must be true or false' })
  emailVerified?: boolean;

  @IsOptional()
  @IsUsernameField()
  username?: string | null;

  @IsOptional()
  @IsNameField()
  name?: string | null;

  @ValidateIf(GIVEN)
  @IsRoleList()
  roles?: string[];
}

export class CreateUserBody extends NewUserBody {
  @ValidateIf(GIVEN)
  @IsPasswordField()
  password?: string;
}

export class SignInAsBody extends NewUserBody {
  @ValidateIf(GIVEN)
  @IsString(TEXT)
  userId?: string;

  @ValidateIf(GIVEN)
  @IsIn(TRANSPORTS, { message: 'must be "body" or "cookie"' })
  transport?: Transport;
}

export class ServiceClientBody {
  @ValidateIf(GIVEN)
  @IsString(TEXT)
  id?: string;

  @ValidateIf(GIVEN)
  @IsString(TEXT)
  scope?: string;

  @ValidateIf(GIVEN)
  @IsArray({ message: TEXTS.message })
  @IsString(TEXTS)
  audience?: string[];
}

export class AdvanceBody {
  @IsDuration()
  by!: string | number;
}

export class SpoilBody {
  @IsString(TEXT)
  accessToken!: string;

  @IsIn(Object.keys(DEFECTS), { message: `must be one of ${Object.keys(DEFECTS).join(', ')}` })
  defect!: Defect;
}

/** The members of any `Fault`; what goes together is judged where it is ordered. */
export class FaultBody {
  @Judged()
  route?: unknown;

  @Judged()
  kind?: unknown;

  @Judged()
  times?: unknown;

  @Judged()
  duration?: unknown;

  @Judged()
  with?: unknown;
}
