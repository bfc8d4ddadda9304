import { useEffect, useState } from 'preact/hooks';

/*
 * Addresses are `#/account`: the server knows one page only, a reload stays where it was, and a path prefix
 * in front of the service changes nothing.
 */

/** Where the visitor is: the path after `#` and its query. */
export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  const [path = '', query] = location.hash.slice(1).split('?', 2);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(query) };
}

export function usePlace(): Place {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const follow = () => setPlace(here());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}

/** @param path begins with a slash. */
export function go(path: string): void {
  location.hash = path;
}

/** Like `go`, without a step in the history. */
export function replace(path: string): void {
  history.replaceState(null, '', `#${path}`);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
