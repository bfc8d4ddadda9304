import { type Setting, type SettingName, SETTINGS } from './settings.js';
import { readTextFile } from './text-file.js';

/** The texts of the settings, as they were given. */
export interface SettingTexts {
  readonly texts: Partial<Record<SettingName, string>>;
  /** Under which name a text came, where it is not the setting's variable. */
  readonly names: Partial<Record<SettingName, string>>;
  /** What could not be read at all. */
  readonly unread: ReadonlySet<SettingName>;
  readonly problems: readonly string[];
  /** Files that secrets came from, by the names of their variables. */
  readonly files: Readonly<Record<string, string>>;
}

export function settingEntries(): [SettingName, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];
}

/** The environment's texts; those of secrets also from the files that `<variable>_FILE` names. Checks none of them. */
export function environmentTexts(environment: NodeJS.ProcessEnv): SettingTexts {
  const texts: Partial<Record<SettingName, string>> = {};
  const names: Partial<Record<SettingName, string>> = {};
  const unread = new Set<SettingName>();
  const problems: string[] = [];
  const files: Record<string, string> = {};
  for (const [name, { variable, isSecret }] of settingEntries()) {
    const fileVariable = `${variable}_FILE`;
    const text = given(environment[variable]);
    const file = isSecret === true ? given(environment[fileVariable]) : undefined;
    if (text !== undefined && !isServiceLink(variable, text)) texts[name] = text;
    if (file === undefined) continue;
    files[fileVariable] = file;
    names[name] = fileVariable;
    try {
      if (text !== undefined) throw new Error(`and ${variable} are both set: keep one of them`);
      texts[name] = secretOf(file);
    } catch (error) {
      delete texts[name];
      unread.add(name);
      problems.push(`${fileVariable} ${error instanceof Error ? error.message : 'is wrong'}`);
    }
  }
  return { texts, names, unread, problems, files };
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}

/** Kubernetes gives every container such variables: for a Service called `metrics`, `METRICS_PORT=tcp://10.0.0.1:9090`. */
function isServiceLink(variable: string, text: string): boolean {
  const schemes = ['tcp://', 'udp://', 'sctp://'];
  return variable.endsWith('_PORT') && schemes.some((scheme) => text.startsWith(scheme));
}

/** Editors and `echo` end a file with a line break, which is not part of the secret. */
function secretOf(file: string): string {
  const text = readTextFile(file);
  const end = text.endsWith('\r\n') ? -2 : -1;
  const secret = text.endsWith('\n') ? text.slice(0, end) : text;
  if (secret.trim() === '') throw new Error('is empty');
  return secret;
}
