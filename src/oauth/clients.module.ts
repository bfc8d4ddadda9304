import { Module } from '@nestjs/common';
import { ClientRepository } from './client.repository.js';
import { ServiceClients } from './service-clients.js';

/** The service clients alone, without HTTP. */
@Module({ providers: [ClientRepository, ServiceClients], exports: [ServiceClients] })
export class ClientsModule {}
