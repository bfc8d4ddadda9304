import { useEffect, useState } from 'preact/hooks';
import { readToken } from './claims.js';
import { clock, countdown, moment } from './format.js';
import { Lock } from './icons.js';
import { Page, Section } from './page.js';
import type { Grant } from './session.js';

const HOW: Readonly<Record<Grant['how'], [title: string, meaning: string]>> = {
  'signed-in': ['signed in', 'The first token of this page.'],
  rotated: ['rotated', 'A new access token; the refresh token was replaced by its successor.'],
  replayed: [
    'replayed',
    'A new access token; the refresh token had been replaced just before, by another tab or a lost answer.',
  ],
};

/** For developers: the tokens of this page as they are, and each renewal as it happens. */
export function SessionPage({ grants }: { grants: readonly Grant[] }) {
  const grant = grants.at(-1);
  return (
    <Page title="Session">
      <p class="lead">
        What this page holds to prove who you are, as it changes: the quickest way to understand
        access and refresh tokens.
      </p>
      {grant !== undefined && <Expiry key={grant.accessToken} grant={grant} />}
      <RefreshToken />
      <Renewals grants={grants} />
      {grant !== undefined && <Claims token={grant.accessToken} />}
    </Page>
  );
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Expiry({ grant }: { grant: Grant }) {
  const left = Math.max(0, grant.expiresAt - useNow());
  return (
    <Section
      title="Access token"
      about="Sent with every request, in the Authorization header. It is kept in memory only, and any service can verify it without asking this one."
    >
      <p class="countdown">
        <span role="timer" aria-label="Time until the access token expires">
          {countdown(left)}
        </span>
        <small>
          {left > 0 ? 'until it expires' : 'It has expired: the next request renews it.'}
        </small>
      </p>
      <progress
        max={grant.expiresAt - grant.receivedAt}
        value={left}
        aria-label="Life of the access token"
      />
      <p class="hint">
        Received at {clock(grant.receivedAt)}, expires at {clock(grant.expiresAt)}.
      </p>
    </Section>
  );
}

function RefreshToken() {
  const visible = document.cookie;
  return (
    <Section
      title="Refresh token"
      about="Gets the next access token. Each is good for one renewal; using an old one again ends the session, for it would be theft."
    >
      <p class="with-icon">
        <Lock />
        <span>
          It is in an <strong>HttpOnly</strong> cookie whose name ends in <code>-refresh</code>. The
          browser sends it, but no script can read it – not this page’s, and not one that an
          attacker sneaks in. You can see it in your browser’s developer tools.
        </span>
      </p>
      <dl class="facts">
        <dt>
          <code>document.cookie</code>
        </dt>
        <dd>
          <code data-cookie>{visible === '' ? '"" (nothing)' : visible}</code>
        </dd>
      </dl>
    </Section>
  );
}

function Renewals({ grants }: { grants: readonly Grant[] }) {
  return (
    <Section
      title="Renewals"
      about="Each access token that this page has received, the newest first. Open a second tab and watch: both share one session."
    >
      <ol class="renewals" reversed aria-live="polite" aria-relevant="additions">
        {grants
          .map((grant, at) => ({ ...grant, number: at + 1 }))
          .reverse()
          .map(({ how, number, receivedAt, expiresAt }) => (
            <li key={number}>
              <span class="number">{number}</span>
              <div class="grow">
                <span class={`badge ${how === 'signed-in' ? '' : 'strong'}`}>{HOW[how][0]}</span>{' '}
                <time>{clock(receivedAt)}</time>
                <p class="hint">
                  {HOW[how][1]} Good until {clock(expiresAt)}.
                </p>
              </div>
            </li>
          ))}
      </ol>
    </Section>
  );
}

function Claims({ token }: { token: string }) {
  const { header, claims } = readToken(token);
  return (
    <section class="card claims">
      <h2>What the access token says</h2>
      <p class="hint">
        Header <code>{header}</code>, then these claims, then a signature. Everybody who has the
        token can read it; nobody can change it.
      </p>
      <dl>
        {claims.map(({ name, value, meaning, time }) => (
          <div key={name} data-claim={name}>
            <dt>
              <code>{name}</code>
              <span class="hint">{meaning}</span>
            </dt>
            <dd>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
              {time !== undefined && <span class="hint">{moment(time)}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
