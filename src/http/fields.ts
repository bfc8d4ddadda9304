import { ValidateBy } from 'class-validator';
import { isEmail } from './email.js';

/** Names that a role may have. */
export const ROLE_PATTERN = /^[a-z][a-z0-9_-]{0,31}$/;
const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/;
const LONGEST_PASSWORD_TEXT = 1024;
const MOST_ROLES = 32;

/** An e-mail address by `isEmail`. White space around it is allowed: keep `normalEmail` of it. */
export function IsEmailField(): PropertyDecorator {
  return rule('isEmailField', 'must be an e-mail address', (value) => isEmail(value));
}

/** A user name: 3 to 32 of `a-z 0-9 . _ -`. Upper case is allowed: keep it in lower case. */
export function IsUsernameField(): PropertyDecorator {
  return rule(
    'isUsernameField',
    'must be 3 to 32 letters a-z, digits, dots, underscores or hyphens, and begin with a letter or digit',
    (value) => USERNAME.test(value),
  );
}

/** Any text that may be a password. Whether it is a good one is `PasswordPolicy`'s to say. */
export function IsPasswordField(): PropertyDecorator {
  return rule(
    'isPasswordField',
    `must be a text of 1 to ${LONGEST_PASSWORD_TEXT} characters`,
    (value) => value.length >= 1 && value.length <= LONGEST_PASSWORD_TEXT,
  );
}

/**
 * A person's name: 1 to 100 code points, none of them a control or format character: with those a name could turn
 * the text around it. U+200C and U+200D are taken, because names and emoji need them.
 */
export function IsNameField(): PropertyDecorator {
  return rule(
    'isNameField',
    'must be a text of 1 to 100 characters without control and format characters',
    (value) => {
      const characters = [...value];
      return characters.length >= 1 && characters.length <= 100 && !characters.some(isUnseen);
    },
  );
}

function isUnseen(character: string): boolean {
  if (character === '\u200c' || character === '\u200d') return false;
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character);
}

/** A list of roles, none twice. */
export function IsRoleList(): PropertyDecorator {
  return ValidateBy({
    name: 'isRoleList',
    validator: {
      validate: isRoleList,
      defaultMessage: () =>
        `must be a list of up to ${MOST_ROLES} different roles such as "user": a letter a-z, then up to 31 of a-z 0-9 _ -`,
    },
  });
}

function isRoleList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= MOST_ROLES &&
    new Set(value).size === value.length &&
    value.every((role) => typeof role === 'string' && ROLE_PATTERN.test(role))
  );
}

/** A rule about a text, with a sentence that never repeats the value. */
function rule(name: string, message: string, test: (value: string) => boolean): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown) => typeof value === 'string' && test(value),
      defaultMessage: () => message,
    },
  });
}
