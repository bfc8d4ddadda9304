import { Controller, type DynamicModule, Get, Module, Param } from '@nestjs/common';
import { ResourceServerModule, Scopes } from 'latchkey/resource-server';

@Controller('stock')
class StockController {
  /** For services: users have no such scope. */
  @Scopes('stock:read')
  @Get(':sku')
  count(@Param('sku') sku: string): { sku: string; inStock: number } {
    return { sku, inStock: sku.length };
  }
}

/** A service that other services ask how much there is of something. */
@Module({ controllers: [StockController] })
export class StockModule {
  static with({ issuer }: { issuer: string }): DynamicModule {
    const kit = ResourceServerModule.forRoot({ issuer, audience: 'stock' });
    return { module: StockModule, imports: [kit] };
  }
}
