import { freshEmail, PASSWORD, renewed, tokens } from './support/client.js';
import { describeOnEachDatabase } from './support/suite.js';
import { takeBackTo010 } from './support/version-010.js';

/** `MANY_SESSIONS=100000` for what the release is judged by. */
const MANY = Number(process.env['MANY_SESSIONS'] ?? 20_000);

const DIGITS =
  '(select 0 as d union select 1 union select 2 union select 3 union select 4 union select 5 union select 6 union select 7 union select 8 union select 9)';

/** Numbers from 0 on, on either database. */
const NUMBERS = `select a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d as n
  from ${DIGITS} a, ${DIGITS} b, ${DIGITS} c, ${DIGITS} e, ${DIGITS} f`;

/** @see issue «databases of 0.1.0, on both engines, under traffic»; contract §2 «Many sessions» */
describeOnEachDatabase('A database of 0.1.0 under traffic', (suite) => {
  it('is brought up to date, and nobody is signed out but by SESSIONS_PER_USER', async () => {
    const place = await suite.database();
    const email = freshEmail();
    const before = await suite.open({ PUBLIC_URL: 'http://latchkey.example' });
    const here = renewed(await before.register({ email }));
    const userId = here.user.id;
    await before.close();
    await takeBackTo010(place);
    const now = Date.now();
    const padded = place.kind === 'postgres' ? `lpad(n::text, 12, '0')` : `printf('%012d', n)`;
    await place.query(
      `insert into sessions (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at)
       select '01a20316-4d7e-71ef-94ad-' || ${padded}, '${userId}', 'body', 'seed', 0, ${now - 1000}, ${now - 1000}, ${now + 9e9}
       from (${NUMBERS}) numbers where n < ${MANY}`,
    );

    let isMigrated = false;
    let renewals = 0;
    const traffic = (async () => {
      while (!isMigrated) {
        // What a node of 0.1.0 does for a renewal of somebody else.
        const done = await place
          .query(
            `update sessions set rotated_at = rotated_at + 1 where id = '01a20316-4d7e-71ef-94ad-000000000007'`,
          )
          .then(
            () => true,
            () => false,
          );
        if (done) renewals += 1;
        await new Promise((next) => setTimeout(next, 5));
      }
    })();
    const after = await suite.open({ PUBLIC_URL: 'http://latchkey.example' });
    isMigrated = true;
    await traffic;
    expect(renewals).toBeGreaterThan(0);

    const live = async () => {
      const [row] = await place.query(
        `select count(*) as live from sessions where user_id = '${userId}' and ended_at is null`,
      );
      return Number(row?.['live']);
    };
    expect(await live()).toBe(MANY + 1);
    const renewal = await after.renew(here.refreshToken);
    expect((await after.me(renewal.accessToken)).status).toBe(200);
    const there = renewed(tokens(await after.login({ email, password: PASSWORD })));
    expect(await live()).toBe(MANY + 2 - 500);
    expect((await after.me(there.accessToken)).status).toBe(200);
    expect((await after.refresh(renewal.refreshToken)).status).toBe(200);
  }, 120_000);
});
