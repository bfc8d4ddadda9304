import { Module } from '@nestjs/common';
import { Sweeper } from '../database/sweeper.js';
import { SessionRepository } from './session.repository.js';
import { Sessions } from './sessions.js';
import { StatusIndexes } from './status-indexes.js';

/** Sessions, and the sweep that removes what is over. */
@Module({ providers: [SessionRepository, Sessions, StatusIndexes], exports: [Sessions] })
export class SessionsModule {
  constructor(sweeper: Sweeper, sessions: Sessions) {
    sweeper.register('sessions', () => sessions.sweep());
  }
}
