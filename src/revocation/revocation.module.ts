import { Module } from '@nestjs/common';
import { KeysModule } from '../keys/keys.module.js';
import { RevocationFollower } from './revocation-follower.js';
import { StatusListController } from './status-list.controller.js';
import { StatusListRepository } from './status-list.repository.js';
import { StatusLists } from './status-lists.js';

/** The status lists: what tells other services, without a call for each request, which sessions ended. */
@Module({
  imports: [KeysModule],
  controllers: [StatusListController],
  providers: [RevocationFollower, StatusListRepository, StatusLists],
})
export class RevocationModule {}
