import { ROLE_PATTERN } from '../http/fields.js';
import { memberProblem } from '../http/problem.js';
import { scopeList } from '../tokens/scopes.js';

/** What a forward-auth request demands of the token. */
export interface Demands {
  roles: readonly string[];
  scopes: readonly string[];
}

/**
 * Reads `?role=` and `?scope=`; every one that is given is demanded. A misspelt parameter would open a door
 * unnoticed, so anything else is refused, and so are names that nobody can have.
 *
 * @param url of the request, with its query.
 * @throws Problem `validation_failed`.
 */
export function demandsOf(url: string): Demands {
  const at = url.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  for (const name of query.keys()) {
    if (name !== 'role' && name !== 'scope') {
      throw memberProblem('', 'only the parameters role and scope are known here');
    }
  }
  return { roles: query.getAll('role').map(role), scopes: query.getAll('scope').flatMap(scopes) };
}

function role(text: string): string {
  if (ROLE_PATTERN.test(text)) return text;
  throw memberProblem('/role', 'must be the name of one role');
}

function scopes(text: string): readonly string[] {
  const list = scopeList(text) ?? [];
  if (list.length > 0) return list;
  throw memberProblem('/scope', 'must name a scope');
}
