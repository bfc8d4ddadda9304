import { Injectable } from '@nestjs/common';

/** Whether the service is on its way out. Readiness says so before anything else happens. */
@Injectable()
export class Shutdown {
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
  }
}
