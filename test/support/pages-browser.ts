import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { PASSWORD } from './client.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export type Look = NonNullable<Parameters<Browser['newContext']>[0]>;

/** Somebody at a browser of his own, and what went wrong on the pages he saw. */
export class Visitor {
  /** What scripts threw, and what the content security policy stopped. */
  readonly complaints: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (/content.security.policy/i.test(message.text())) this.complaints.push(message.text());
    });
  }

  static async arrive(browser: Browser, url: string, look: Look = {}): Promise<Visitor> {
    const context = await browser.newContext(look);
    await context.addInitScript({ content: AXE });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    return new Visitor(context, page, url);
  }

  /** @param path as in `/account`; none: the bare address of the service. */
  async open(path = ''): Promise<void> {
    await this.page.goto(`${this.url}/${path === '' ? '' : `#${path}`}`);
    await this.page.locator('h1').waitFor();
  }

  field(label: string | RegExp) {
    const exact = typeof label === 'string';
    return this.page.getByLabel(label, { exact }).and(this.page.locator('input'));
  }

  button(name: string | RegExp) {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' });
  }

  async heading(): Promise<string> {
    return (await this.page.locator('h1').textContent()) ?? '';
  }

  async seesHeading(text: string): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name: text, exact: true }).waitFor();
  }

  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** The sentence that stands with a field because of what is wrong there. */
  async faultOf(label: string): Promise<string> {
    const field = this.field(label).and(this.page.locator('[aria-invalid="true"]'));
    const ids = (await field.getAttribute('aria-describedby')) ?? '';
    const id = ids.split(' ')[0] ?? '';
    return (await this.page.locator(`[id="${id}"]`).textContent()) ?? '';
  }

  /** Waits until what has the focus has this label or text. */
  async focuses(label: string): Promise<void> {
    const exact = { exact: true };
    const named = this.page.getByLabel(label, exact).or(this.page.getByText(label, exact));
    await this.page.locator(':focus').and(named).waitFor();
  }

  async signIn(identifier: string, password = PASSWORD): Promise<void> {
    await this.open();
    await this.field('E-mail or user name').fill(identifier);
    await this.field('Password').fill(password);
    await this.button('Sign in').click();
  }

  /** @returns the rules of axe-core that the page breaks, and where. */
  async accessibilityFaults(): Promise<string[]> {
    const { violations } = await this.page.evaluate<AxeResults>('axe.run()');
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} at ${String(target)}: ${failureSummary}`),
    );
  }

  /** CSS pixels by which the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
