/** The one flag that every command has. */
export const JSON_FLAG = '--json';
export const JSON_HELP = 'print JSON for scripts: a document, or one a line for lists';
