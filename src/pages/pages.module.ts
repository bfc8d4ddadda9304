import { Module } from '@nestjs/common';
import { PageFiles } from './page-files.js';
import { PagesController } from './pages.controller.js';

/** Pages to sign up, to sign in, to look after one's account and, for administrators, after users. */
@Module({ controllers: [PagesController], providers: [PageFiles] })
export class PagesModule {}
