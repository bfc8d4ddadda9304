import { Module } from '@nestjs/common';
import { Sweeper } from '../database/sweeper.js';
import { KeysModule } from '../keys/keys.module.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordPolicy } from './password-policy.js';
import { PasswordRests } from './password-rests.js';
import { Reauthentication } from './reauthentication.js';

/** Hashing, the rules for new passwords, and the count of attempts. */
@Module({
  imports: [KeysModule],
  providers: [AttemptLimiter, PasswordHasher, PasswordPolicy, PasswordRests, Reauthentication],
  exports: [AttemptLimiter, PasswordHasher, PasswordPolicy, PasswordRests, Reauthentication],
})
export class PasswordsModule {
  constructor(sweeper: Sweeper, limiter: AttemptLimiter) {
    sweeper.register('attempts', () => limiter.sweep());
  }
}
