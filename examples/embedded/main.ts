import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { HostModule } from './host.module.js';

const port = 3001;
const app = await NestFactory.create(
  HostModule.with({
    publicUrl: `http://localhost:${port}`,
    databaseUrl: 'sqlite:./data/embedded.db',
  }),
);
app.enableShutdownHooks();
await app.listen(port);
