import { Module } from '@nestjs/common';
import { SessionRepository } from './session.repository.js';
import { Sessions } from './sessions.js';

@Module({ providers: [SessionRepository, Sessions], exports: [Sessions] })
export class SessionsModule {}
