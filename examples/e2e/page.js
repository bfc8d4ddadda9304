/** What the application shows. The refresh token is in a cookie; a lost answer is asked for again. */
export const page = (latchkey) => `<!doctype html>
<title>Notes</title>
<h1>Notes</h1>
<p role="status">…</p>
<ul></ul>
<button>Refresh</button>
<script type="module">
  const say = (text) => (document.querySelector('[role=status]').textContent = text);

  async function renew() {
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    const ask = () =>
      fetch('${latchkey}/auth/refresh', { method: 'POST', credentials: 'include', headers });
    const answer = await ask().catch(ask);
    return answer.ok ? answer.json() : undefined;
  }

  async function show() {
    const session = await renew();
    if (session === undefined) return say('Signed out');
    say('Signed in as ' + session.user.email);
    const headers = { Authorization: 'Bearer ' + session.accessToken };
    const { notes } = await (await fetch('/notes', { headers })).json();
    document.querySelector('ul').replaceChildren(
      ...notes.map((note) => Object.assign(document.createElement('li'), { textContent: note })),
    );
  }

  document.querySelector('button').onclick = show;
  await show();
</script>
`;
