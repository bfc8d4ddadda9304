import { Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Sweeper } from '../database/sweeper.js';
import { CutOffRepository } from './cut-off.repository.js';
import { SessionCutOff } from './session-cut-off.js';
import { SessionLimit } from './session-limit.js';
import { SessionList } from './session-list.js';
import { SessionRepository } from './session.repository.js';
import { SessionUpkeep } from './session-upkeep.js';
import { SessionUpkeepRepository } from './session-upkeep.repository.js';
import { Sessions } from './sessions.js';
import { StatusIndexes } from './status-indexes.js';
import { UserSessionsRepository } from './user-sessions.repository.js';

/** Sessions, and the sweep that removes what is over. */
@Module({
  providers: [
    CutOffRepository,
    SessionCutOff,
    SessionLimit,
    SessionList,
    SessionRepository,
    SessionUpkeepRepository,
    Sessions,
    SessionUpkeep,
    StatusIndexes,
    UserSessionsRepository,
  ],
  exports: [SessionList, Sessions, SessionUpkeep],
})
export class SessionsModule implements OnModuleInit, OnModuleDestroy {
  constructor(
    sweeper: Sweeper,
    upkeep: SessionUpkeep,
    private readonly cutOff: SessionCutOff,
  ) {
    sweeper.register('sessions', () => upkeep.sweep());
  }

  onModuleInit(): void {
    this.cutOff.start();
  }

  /** The database closes next. */
  async onModuleDestroy(): Promise<void> {
    await this.cutOff.stop();
  }
}
