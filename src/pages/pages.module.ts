import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { PageFiles } from './page-files.js';
import { PagesController } from './pages.controller.js';

/** Pages to sign up, to sign in, to look after one's account and, for administrators, after users. */
@Module({ imports: [HttpModule], controllers: [PagesController], providers: [PageFiles] })
export class PagesModule {}
