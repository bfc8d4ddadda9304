import { Controller, Get, UseGuards } from '@nestjs/common';
import { AccessTokenGuard, type AccessTokenClaims, CurrentUser, Roles } from 'latchkey';

/** Routes of the host. Nothing is guarded that does not ask for it. */
@Controller('notes')
export class NotesController {
  @Get('public')
  forEverybody(): { notes: string[] } {
    return { notes: ['Anybody may read this.'] };
  }

  @Get('mine')
  @UseGuards(AccessTokenGuard)
  forTheSignedIn(@CurrentUser() user: AccessTokenClaims): { owner: string; notes: string[] } {
    return { owner: user.sub, notes: ['Only a signed-in user reads this.'] };
  }

  @Get('all')
  @Roles('admin')
  @UseGuards(AccessTokenGuard)
  forAdministrators(): { notes: string[] } {
    return { notes: ['Only an administrator reads this.'] };
  }
}
