import { Module } from '@nestjs/common';
import { Sweeper } from '../database/sweeper.js';
import { SessionRepository } from './session.repository.js';
import { SessionUpkeep } from './session-upkeep.js';
import { SessionUpkeepRepository } from './session-upkeep.repository.js';
import { Sessions } from './sessions.js';
import { StatusIndexes } from './status-indexes.js';

/** Sessions, and the sweep that removes what is over. */
@Module({
  providers: [SessionRepository, SessionUpkeepRepository, Sessions, SessionUpkeep, StatusIndexes],
  exports: [Sessions, SessionUpkeep],
})
export class SessionsModule {
  constructor(sweeper: Sweeper, upkeep: SessionUpkeep) {
    sweeper.register('sessions', () => upkeep.sweep());
  }
}
