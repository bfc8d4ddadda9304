import type { LatchkeyConfig } from '../config.js';
import { escapeHtml } from '../operations/html.js';

/** The names of the files that the page loads, as they are under `assets/`. */
export interface PageParts {
  script: string;
  styles: readonly string[];
  icon: string;
}

/**
 * The one HTML document of the pages. What the script has to know of the configuration stands in `meta`
 * elements, and so does whether the browser has no session; every address is relative, so that the service may sit behind a path prefix.
 */
export function pageHtml(
  config: LatchkeyConfig,
  parts: PageParts,
  session: 'none' | 'unknown',
): string {
  const name = escapeHtml(config.pagesName);
  const metas = {
    'application-name': config.pagesName,
    'latchkey:registration': config.registration,
    'latchkey:password-min-length': String(config.passwordMinLength),
    'latchkey:public-url': config.publicUrl,
    'latchkey:session': session,
    'latchkey:return-origins': [new URL(config.publicUrl).origin, ...config.corsOrigins].join(' '),
  };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${Object.entries(metas).map(meta).join('\n')}
<title>${name}</title>
<link rel="icon" href="assets/${parts.icon}" type="image/svg+xml">
${parts.styles.map((file) => `<link rel="stylesheet" href="assets/${file}">`).join('\n')}
<link rel="modulepreload" href="client.js">
<script type="module" src="assets/${parts.script}"></script>
</head>
<body>
<div id="app"></div>
<noscript><p class="notice">${name} needs JavaScript to sign you in.</p></noscript>
</body>
</html>
`;
}

function meta([name, content]: [string, string]): string {
  return `<meta name="${name}" content="${escapeHtml(content)}">`;
}
