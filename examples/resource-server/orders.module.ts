import {
  Controller,
  Delete,
  type DynamicModule,
  Get,
  HttpCode,
  Inject,
  Module,
  Param,
} from '@nestjs/common';
import {
  type AccessTokenClaims,
  CurrentUser,
  Fresh,
  ResourceServerModule,
} from 'latchkey/resource-server';
import { ServiceToken } from './service-token.js';

export interface OrdersOptions {
  issuer: string;
  /** Where the other service is. */
  stockUrl: string;
  /** As `latchkey clients create --id orders --scope stock:read --audience stock` printed it. */
  client: { id: string; secret: string };
}

const STOCK_URL = Symbol('the address of stock');

@Controller('orders')
class OrdersController {
  constructor(
    private readonly serviceToken: ServiceToken,
    @Inject(STOCK_URL) private readonly stockUrl: string,
  ) {}

  /** The user's token stays here; `stock` is asked in this service's own name. */
  @Get(':sku')
  async order(@Param('sku') sku: string, @CurrentUser() user: AccessTokenClaims) {
    const answer = await fetch(`${this.stockUrl}/stock/${encodeURIComponent(sku)}`, {
      headers: { authorization: `Bearer ${await this.serviceToken.get()}` },
    });
    if (!answer.ok) throw new Error(`stock answered ${answer.status}`);
    return { owner: user.sub, ...((await answer.json()) as object) };
  }

  /** What can't be undone asks the issuer at every call: nobody cancels in the seconds after a sign-out. */
  @Fresh()
  @Delete(':sku')
  @HttpCode(204)
  cancel(): void {}
}

/** A service that users call, and that calls another one. */
@Module({ controllers: [OrdersController] })
export class OrdersModule {
  static with({ issuer, stockUrl, client }: OrdersOptions): DynamicModule {
    return {
      module: OrdersModule,
      imports: [ResourceServerModule.forRoot({ issuer, audience: 'orders', client })],
      providers: [
        { provide: ServiceToken, useFactory: () => new ServiceToken(issuer, client) },
        { provide: STOCK_URL, useValue: stockUrl },
      ],
    };
  }
}
