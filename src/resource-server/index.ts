/** What other services import as `latchkey/resource-server`. */
export * from './core.js';
export { CurrentUser, Fresh, Public, Roles, Scopes } from './access.decorators.js';
export { claimsOf } from './call-claims.js';
export { attachToken } from './carried-token.js';
export { HostNest, type NestClasses } from './host-nest.js';
export { ResourceServerGuard } from './resource-server.guard.js';
export { ResourceServerModule, type ResourceServerPlacement } from './resource-server.module.js';
