import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { MeController } from './me.controller.js';
import { UserSearch } from './user-search.js';
import { UserStore } from './user-store.js';
import { UsersController } from './users.controller.js';
import { UsersRepository } from './users.repository.js';
import { UsersService } from './users.service.js';

/** Latchkey's own users, with `/users` and `/users/me`. `me` comes first: it is no id. */
@Module({
  imports: [HttpModule, PasswordsModule, SessionsModule],
  controllers: [MeController, UsersController],
  providers: [
    UsersRepository,
    UserSearch,
    UsersService,
    { provide: UserStore, useExisting: UsersService },
  ],
  exports: [UserStore, UsersService],
})
export class UsersModule {}
