import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule, type LatchkeyOptions } from 'latchkey';
import { NotesController } from './notes.controller.js';
import { PeopleModule } from './people.module.js';

/** Somebody's application, with Latchkey's sign-in inside. */
@Module({})
export class HostModule {
  static with(options: LatchkeyOptions): DynamicModule {
    return {
      module: HostModule,
      imports: [
        AuthModule.forRootAsync({
          usersModule: PeopleModule,
          useFactory: () => options,
        }),
      ],
      controllers: [NotesController],
    };
  }
}
