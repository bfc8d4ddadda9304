/** What a host application imports. */
export { AccessTokenGuard } from './auth/access-token.guard.js';
export { AuthModule, type AuthModulePlacement } from './auth/auth.module.js';
export type { Authentication, AuthenticationMethod } from './auth/authentication.js';
export { RefreshTokenGuard } from './auth/refresh-token.guard.js';
export { RegistrationService } from './auth/registration.service.js';
export { RenewalService } from './auth/renewal.service.js';
export { type SignInContext } from './auth/sign-in-context.js';
export { type SignInRequirement, SignInRequirements } from './auth/sign-in-requirements.js';
export { SignInService } from './auth/sign-in.service.js';
export { ConfigurationError, type LatchkeyConfig, type LatchkeyOptions } from './config.js';
export type { AccessTokenClaims, ServiceTokenClaims } from './contract/claims.js';
export { Clock, SystemClock } from './contract/clock.js';
export { type ProblemCode, type ProblemDetails, PROBLEMS } from './contract/problems.js';
export type {
  RefreshOutcome,
  SessionView,
  TokenResponse,
  Transport,
  UserView,
} from './contract/responses.js';
export { type EndReason, LatchkeyEvents } from './events.js';
export { CurrentUser, Public, Roles, Scopes, ServiceTokens } from './http/access.decorators.js';
export { emailKey } from './http/email.js';
export { Problem } from './http/problem.js';
export { ProblemFilter } from './http/problem.filter.js';
export { OAuthModule } from './oauth/oauth.module.js';
export { ClientRefused, ServiceClients } from './oauth/service-clients.js';
export { PasswordHasher } from './passwords/password-hasher.js';
export { Sessions } from './sessions/sessions.js';
export { AccessTokens } from './tokens/access-tokens.js';
export { type NewUser, UserStore, type UserRecord } from './users/user-store.js';
export { UsersModule } from './users/users.module.js';
