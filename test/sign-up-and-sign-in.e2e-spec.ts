import {
  expectInvalid,
  expectProblem,
  freshEmail,
  PASSWORD,
  renewed,
  someone,
  tokens,
  user,
} from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

describeOnEachDatabase('Registration', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('answers 201 with a token response and the user', async () => {
    const email = freshEmail();
    const answer = await service.post('/auth/register', { email, password: PASSWORD });
    expect(answer.status).toBe(201);
    expect(answer.header('content-type')).toMatch(/^application\/json\b/);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json()).toEqual({
      tokenType: 'Bearer',
      accessToken: expect.any(String),
      expiresIn: expect.any(Number),
      refreshToken: expect.any(String),
      refreshExpiresIn: 30 * 24 * 60 * 60,
      sessionId: expect.any(String),
      user: {
        id: expect.any(String),
        email,
        emailVerified: false,
        username: null,
        name: null,
        roles: ['user'],
        createdAt: new Date(service.clock.now()).toISOString(),
      },
    });
    expect(answer.cookie('__Host-latchkey-refresh')).toBeUndefined();
  });

  it('gives tokens that work at once', async () => {
    const { accessToken, refreshToken, user: registered } = await service.register();
    expect(user(await service.me(accessToken))).toEqual(registered);
    await service.renew(`${refreshToken}`);
  });

  it('takes a user name and a name', async () => {
    const username = `ada.${Date.now()}`;
    const registered = await service.register({ username, name: 'Ada Lovelace, née Byron 🦉' });
    expect(registered.user).toMatchObject({ username, name: 'Ada Lovelace, née Byron 🦉' });
  });

  it('takes null for what is unset', async () => {
    const registered = await service.register({ username: null, name: null });
    expect(registered.user).toMatchObject({ username: null, name: null });
  });

  it('refuses an e-mail address that has an account, in whatever case', async () => {
    const email = freshEmail();
    await service.register({ email });
    for (const variant of [email, email.toUpperCase(), ` ${email} `]) {
      const answer = await service.post('/auth/register', someone({ email: variant }));
      expectProblem(answer, 'email_taken');
    }
  });

  it('refuses a user name that is taken', async () => {
    const username = `bob-${Date.now()}`;
    await service.register({ username });
    expectProblem(await service.post('/auth/register', someone({ username })), 'username_taken');
  });

  it('lets exactly one of many at once have an address', async () => {
    const email = freshEmail();
    const all = await Promise.all(
      Array.from({ length: 8 }, () =>
        service.post('/auth/register', { email, password: PASSWORD }),
      ),
    );
    expect(all.map((answer) => answer.status).sort()).toEqual([201, ...Array(7).fill(409)]);
    for (const answer of all.filter(({ status }) => status === 409)) {
      expectProblem(answer, 'email_taken');
    }
  });

  it('is refused where REGISTRATION=closed', async () => {
    const closed = await suite.openFresh({ REGISTRATION: 'closed' });
    expectProblem(await closed.post('/auth/register', someone()), 'forbidden');
    expect(await closed.database.query('select id from users')).toEqual([]);
  });

  describe('names every member that is wrong', () => {
    const wrong: [why: string, body: object, ...pointers: string[]][] = [
      ['nothing at all', {}, '/email', '/password'],
      ['no e-mail', { password: PASSWORD }, '/email'],
      ['no password', { email: 'a@example.com' }, '/password'],
      ['an e-mail that is a number', { email: 1, password: PASSWORD }, '/email'],
      ['an e-mail that is null', { email: null, password: PASSWORD }, '/email'],
      ['an e-mail that is a list', { email: ['a@example.com'], password: PASSWORD }, '/email'],
      ['an e-mail that is an object', { email: { $ne: 1 }, password: PASSWORD }, '/email'],
      ['an empty e-mail', { email: '', password: PASSWORD }, '/email'],
      ['an e-mail without a domain', { email: 'ada', password: PASSWORD }, '/email'],
      ['an e-mail without a local part', { email: '@example.com', password: PASSWORD }, '/email'],
      ['two addresses', { email: 'a@example.com,b@example.com', password: PASSWORD }, '/email'],
      ['a display name', { email: 'Ada <a@example.com>', password: PASSWORD }, '/email'],
      [
        'a line break',
        { email: 'a@example.com\nbcc: b@example.com', password: PASSWORD },
        '/email',
      ],
      ['a local part beyond ASCII', { email: 'ädá@example.com', password: PASSWORD }, '/email'],
      ['a Kelvin sign', { email: 'mar\u212A@example.com', password: PASSWORD }, '/email'],
      ['a zero-width space', { email: 'a\u200Bda@example.com', password: PASSWORD }, '/email'],
      ['full-width letters', { email: 'ａda@example.com', password: PASSWORD }, '/email'],
      [
        '255 characters',
        { email: `${'a'.repeat(60)}@${longDomain(194)}`, password: PASSWORD },
        '/email',
      ],
      [
        'a password that is a number',
        { email: 'a@example.com', password: 12345678901 },
        '/password',
      ],
      ['a password that is null', { email: 'a@example.com', password: null }, '/password'],
      ['a short password', { email: 'a@example.com', password: '7 chars' }, '/password'],
      ['257 code points', { email: 'a@example.com', password: phrase(257) }, '/password'],
      ['a number for a name', { ...someone(), name: 7 }, '/name'],
      ['an empty name', { ...someone(), name: '' }, '/name'],
      ['a name of 101 code points', { ...someone(), name: 'n'.repeat(101) }, '/name'],
      ['a user name of two letters', { ...someone(), username: 'ab' }, '/username'],
      ['a user name of 33 letters', { ...someone(), username: 'a'.repeat(33) }, '/username'],
      ['a user name with a blank', { ...someone(), username: 'ada lovelace' }, '/username'],
      ['a user name with an @', { ...someone(), username: 'ada@home' }, '/username'],
      ['a user name that begins with a dot', { ...someone(), username: '.ada' }, '/username'],
      ['a user name that begins with a dash', { ...someone(), username: '-ada' }, '/username'],
      ['a user name beyond ASCII', { ...someone(), username: 'ådelaide' }, '/username'],
      ['an unknown transport', { ...someone(), transport: 'pigeon' }, '/transport'],
      ['a transport that is null', { ...someone(), transport: null }, '/transport'],
      ['roles', { ...someone(), roles: ['admin'] }, '/roles'],
      ['a verified address', { ...someone(), emailVerified: true }, '/emailVerified'],
      ['an id', { ...someone(), id: '1' }, '/id'],
      ['a ready-made hash', { ...someone(), passwordHash: '$2b$04$' }, '/passwordHash'],
    ];
    it.each(wrong)('%s', async (_why, body, ...pointers) => {
      expectInvalid(await service.post('/auth/register', body), ...pointers);
    });
  });

  it('stores nothing of a registration that it refuses', async () => {
    const email = freshEmail();
    expectInvalid(await service.post('/auth/register', { email, password: 'short' }), '/password');
    await service.register({ email });
  });
});

describeOnEachDatabase('E-mail addresses and user names', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('keep an e-mail address as it was written, trimmed', async () => {
    const email = `Grace.Hopper.${Date.now()}@Example.COM`;
    const registered = await service.register({ email: `  ${email}\t` });
    expect(registered.user.email).toBe(email);
  });

  it.each([
    ['a plus sign', 'ada+news'],
    ['dots and dashes', 'a.d-a_l'],
    ["an apostrophe, as in O'Brien", "o'brien"],
  ])('take %s in the local part', async (_what, local) => {
    const email = `${local}@x${Date.now()}.example`;
    expect((await service.register({ email })).user.email).toBe(email);
  });

  it('take an address of 254 characters', async () => {
    const email = `${'a'.repeat(60)}@${longDomain(193)}`;
    expect(email).toHaveLength(254);
    expect((await service.register({ email })).user.email).toBe(email);
  });

  it('keep a user name in lower case', async () => {
    const username = `Grace_${Date.now()}`;
    const answer = await service.post('/auth/register', someone({ username }));
    expect(tokens(answer, 201).user.username).toBe(username.toLowerCase());
  });

  it.each(['a.b', '0-9', 'x_y', '1234', 'z'.repeat(32)])('take %s as a user name', async (name) => {
    expect((await service.register({ username: name })).user.username).toBe(name);
  });

  it('take a name of 100 code points, and count an emoji once', async () => {
    const name = '🦉'.repeat(100);
    expect((await service.register({ name })).user.name).toBe(name);
  });
});

describeOnEachDatabase('Passwords', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  const signsIn = async (password: string, typed = password) => {
    const email = freshEmail();
    await service.register({ email, password });
    return (await service.login({ email, password: typed })).status;
  };

  it('need 8 code points, whatever they are', async () => {
    expect(await signsIn('q7#Lw zt')).toBe(200);
    expect(await signsIn('🦉🐙🦀🐳🦊🐝🦋🐢')).toBe(200);
    const answer = await service.post('/auth/register', someone({ password: '🦉🐙🦀🐳🦊🐝🦋' }));
    expectInvalid(answer, '/password');
  });

  it('may have 256 code points, and the last one counts', async () => {
    const password = phrase(256);
    expect(await signsIn(password)).toBe(200);
    expect(await signsIn(password, `${password.slice(0, -1)}#`)).toBe(401);
  });

  it('are not cut at 72 bytes', async () => {
    const start = phrase(80);
    expect(await signsIn(`${start}one`, `${start}two`)).toBe(401);
  });

  it('are the same however their accents are composed', async () => {
    expect(
      await signsIn(
        'le café crème à Zürich'.normalize('NFD'),
        'le café crème à Zürich'.normalize('NFC'),
      ),
    ).toBe(200);
  });

  it('are neither trimmed nor case-folded', async () => {
    expect(await signsIn(' spaces around it ', 'spaces around it')).toBe(401);
    expect(await signsIn('Mixed Case Matters', 'mixed case matters')).toBe(401);
  });

  it.each(['password', '12345678', 'qwertyuiop', 'iloveyou'])(
    'refuse the common %s',
    async (word) => {
      expectInvalid(await service.post('/auth/register', someone({ password: word })), '/password');
    },
  );

  it('refuse the name in the e-mail address and that of the service', async () => {
    const email = `gwendolynsmith@x${Date.now()}.example`;
    for (const password of ['gwendolynsmith', 'latchkey']) {
      const answer = await service.post('/auth/register', { email, password });
      expectInvalid(answer, '/password');
    }
  });

  it('ask for as many code points as PASSWORD_MIN_LENGTH says', async () => {
    const strict = await suite.open({ PASSWORD_MIN_LENGTH: '20' });
    const short = await strict.post('/auth/register', someone({ password: phrase(19) }));
    expectInvalid(short, '/password');
    await strict.register({ password: phrase(20) });
  });

  it('lie in the database as a bcrypt hash that the database alone cannot test', async () => {
    const { user: registered } = await service.register();
    const [row] = await service.database.query(
      `select password_hash from users where id = '${registered.id}'`,
    );
    expect(row?.['password_hash']).toMatch(/\$2[ab]\$04\$[./A-Za-z0-9]{53}$/);
    const { default: bcrypt } = await import('bcrypt');
    const hash = /\$2[ab]\$.{56}$/.exec(`${row?.['password_hash']}`)?.[0] ?? '';
    expect(await bcrypt.compare(PASSWORD, hash)).toBe(false);
  });

  it('are hashed again at the next sign-in when BCRYPT_COST has changed', async () => {
    const email = freshEmail();
    const { user: registered } = await service.register({ email });
    const costlier = await suite.open({ BCRYPT_COST: '5' });
    expect((await costlier.login({ email, password: PASSWORD })).status).toBe(200);
    const [row] = await service.database.query(
      `select password_hash from users where id = '${registered.id}'`,
    );
    expect(row?.['password_hash']).toMatch(/\$2[ab]\$05\$/);
    expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
  });
});

describeOnEachDatabase('Sign-in', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('takes the e-mail address, in whatever case', async () => {
    const email = freshEmail();
    const registered = await service.register({ email });
    for (const typed of [email, email.toUpperCase(), ` ${email} `]) {
      const signedIn = tokens(await service.login({ email: typed, password: PASSWORD }));
      expect(signedIn.user).toEqual(registered.user);
    }
  });

  it('takes the user name, in whatever case', async () => {
    const username = `hedy_${Date.now()}`;
    const registered = await service.register({ username });
    for (const typed of [username, username.toUpperCase()]) {
      const signedIn = tokens(await service.login({ username: typed, password: PASSWORD }));
      expect(signedIn.user.id).toBe(registered.user.id);
    }
  });

  it('starts a session of its own each time', async () => {
    const email = freshEmail();
    const first = await service.register({ email });
    const second = tokens(await service.login({ email, password: PASSWORD }));
    expect(second.sessionId).not.toBe(first.sessionId);
    expect((await service.sessions(second.accessToken)).map(({ id }) => id).sort()).toEqual(
      [first.sessionId, second.sessionId].sort(),
    );
  });

  it('answers the same to a wrong password, an unknown account and a disabled one', async () => {
    const admin = await service.registerAdmin();
    const [email, gone] = [freshEmail(), freshEmail()];
    await service.register({ email });
    const disabled = await service.register({ email: gone });
    const change = { disabled: true };
    await service.patch(`/users/${disabled.user.id}`, change, { bearer: admin.accessToken });
    const answers = [
      await service.login({ email, password: 'not the right one' }),
      await service.login({ email: freshEmail(), password: PASSWORD }),
      await service.login({ username: 'nobody-of-that-name', password: PASSWORD }),
      await service.login({ email: gone, password: PASSWORD }),
      await service.login({ email, password: 'x' }),
    ];
    const bodies = answers.map((answer) => {
      return { ...expectProblem(answer, 'invalid_credentials'), requestId: undefined };
    });
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    const names = answers.map((answer) => Object.keys(answer.headers).sort().join());
    expect(new Set(names).size).toBe(1);
  });

  it('does not say no to a password that today’s rules would refuse', async () => {
    const email = freshEmail();
    await service.register({ email, password: '8 chars!' });
    const strict = await suite.open({ PASSWORD_MIN_LENGTH: '20' });
    expect((await strict.login({ email, password: '8 chars!' })).status).toBe(200);
  });

  it.each([
    ['neither e-mail nor user name', { password: PASSWORD }],
    ['both', { email: 'a@example.com', username: 'ada', password: PASSWORD }],
  ])('refuses %s', async (_what, body) => {
    const problem = expectProblem(await service.login(body), 'validation_failed');
    expect(problem.errors).not.toHaveLength(0);
  });

  it.each<[string, object, string]>([
    ['no password', { email: 'a@example.com' }, '/password'],
    ['a password that is a number', { email: 'a@example.com', password: 1 }, '/password'],
    ['an e-mail that is an object', { email: { $gt: '' }, password: PASSWORD }, '/email'],
    ['a user name that is a list', { username: ['ada'], password: PASSWORD }, '/username'],
    ['a member nobody asked for', { email: 'a@example.com', password: PASSWORD, otp: '1' }, '/otp'],
    [
      'an unknown transport',
      { email: 'a@b.example', password: PASSWORD, transport: 1 },
      '/transport',
    ],
  ])('names what is wrong with %s', async (_what, body, pointer) => {
    expectInvalid(await service.login(body), pointer);
  });

  it('finds a user under a new name, and not under the old one', async () => {
    const [before, after] = [`old-${Date.now()}`, `new-${Date.now()}`];
    const { accessToken } = await service.register({ username: before });
    await service.patch('/users/me', { username: after }, { bearer: accessToken });
    expect((await service.login({ username: after, password: PASSWORD })).status).toBe(200);
    const stale = await service.login({ username: before, password: PASSWORD });
    expectProblem(stale, 'invalid_credentials');
  });
});

describeOnEachDatabase('One’s own account', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('changes name and user name, and null clears them', async () => {
    const { accessToken: bearer } = await service.register();
    const username = `ida${Date.now()}`;
    const changed = user(await service.patch('/users/me', { name: 'Ida', username }, { bearer }));
    expect(changed).toMatchObject({ name: 'Ida', username });
    expect(user(await service.me(bearer))).toEqual(changed);
    const cleared = user(
      await service.patch('/users/me', { name: null, username: null }, { bearer }),
    );
    expect(cleared).toMatchObject({ name: null, username: null });
  });

  it('leaves alone what is not mentioned', async () => {
    const { accessToken: bearer } = await service.register({ name: 'Ida' });
    const username = `noether${Date.now()}`;
    const changed = user(await service.patch('/users/me', { username }, { bearer }));
    expect(changed).toMatchObject({ name: 'Ida', username });
  });

  it.each<[object, string]>([
    [{ email: 'new@example.com' }, '/email'],
    [{ roles: ['admin'] }, '/roles'],
    [{ disabled: false }, '/disabled'],
    [{ emailVerified: true }, '/emailVerified'],
    [{ password: PASSWORD }, '/password'],
    [{ username: 'x' }, '/username'],
    [{ name: '' }, '/name'],
  ])('does not take %j', async (body, pointer) => {
    const { accessToken: bearer, user: before } = await service.register();
    expectInvalid(await service.patch('/users/me', body, { bearer }), pointer);
    expect(user(await service.me(bearer))).toEqual(before);
  });

  it('does not take a user name that somebody has', async () => {
    const username = `first${Date.now()}`;
    await service.register({ username });
    const { accessToken: bearer } = await service.register();
    const answer = await service.patch('/users/me', { username }, { bearer });
    expectProblem(answer, 'username_taken');
  });

  it('goes away with its password, and every session with it', async () => {
    const email = freshEmail();
    const registered = renewed(await service.register({ email }));
    const other = renewed(tokens(await service.login({ email, password: PASSWORD })));
    const bearer = registered.accessToken;
    const wrong = await service.delete('/users/me', { bearer, json: { password: 'not mine' } });
    expectProblem(wrong, 'reauthentication_required');
    expect((await service.me(bearer)).status).toBe(200);
    const gone = await service.delete('/users/me', { bearer, json: { password: PASSWORD } });
    expect([gone.status, gone.text]).toEqual([204, '']);
    expectProblem(await service.me(bearer), 'token_invalid');
    expectProblem(await service.me(other.accessToken), 'token_invalid');
    expectProblem(await service.refresh(other.refreshToken), 'refresh_token_invalid');
    expectProblem(await service.login({ email, password: PASSWORD }), 'invalid_credentials');
    await service.register({ email });
  });

  it('does not go away without a password', async () => {
    const { accessToken: bearer } = await service.register();
    expectInvalid(await service.delete('/users/me', { bearer, json: {} }), '/password');
    expectInvalid(await service.delete('/users/me', { bearer }), '/password');
    expect((await service.me(bearer)).status).toBe(200);
  });

  it('is shown to nobody without a token', async () => {
    const answer = await service.get('/users/me');
    expectProblem(answer, 'token_missing');
    expect(answer.header('www-authenticate')).toBe('Bearer realm="latchkey"');
  });
});

/** Words that are in no list of common passwords. */
function phrase(length: number): string {
  return 'hx4 vellum quartz brine ochre '
    .repeat(20)
    .slice(0, length - 1)
    .padEnd(length, '§');
}

/** A domain of that many characters. */
function longDomain(length: number): string {
  const label = `${'d'.repeat(50)}.`;
  return `${label.repeat(10).slice(0, length - 8)}`.replace(/\.$/, 'd') + '.example';
}
