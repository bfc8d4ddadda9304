import { Module } from '@nestjs/common';
import { Sweeper } from '../database/sweeper.js';
import { KeysModule } from '../keys/keys.module.js';
import { ChallengeRepository } from './challenge.repository.js';
import { Challenges } from './challenges.js';

/** What is asked of somebody and must come back once, and the sweep that removes what expired. */
@Module({
  imports: [KeysModule],
  providers: [ChallengeRepository, Challenges],
  exports: [Challenges],
})
export class ChallengesModule {
  constructor(sweeper: Sweeper, challenges: Challenges) {
    sweeper.register('challenges', () => challenges.sweep());
  }
}
