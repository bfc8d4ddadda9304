import { useState } from 'preact/hooks';
import { Action } from './action.js';
import { Confirm } from './dialog.js';
import { Loading, useLoaded } from './loading.js';
import { announce } from './notices.js';
import { Section } from './page.js';
import { client } from './session.js';
import { SessionList } from './session-list.js';

/** @param changes grows when the list may have changed for another reason. */
export function Devices({ changes }: { changes: number }) {
  const devices = useLoaded(() => client.sessions(), [changes]);
  const [asking, setAsking] = useState(false);
  const end = async (id: string, device: string) => {
    await client.endSession(id);
    await devices.again();
    announce(`${device} is signed out.`);
  };
  const endOthers = async () => {
    await client.logoutAll({ keepCurrent: true });
    await devices.again();
    announce('All other devices are signed out.');
  };
  return (
    <Section title="Devices" about="Where you are signed in. Sign out what you don’t recognise.">
      <Loading of={devices}>
        {(sessions) => (
          <>
            <SessionList
              sessions={sessions}
              action={({ id, current }, device) => (
                <Action
                  run={() => (current ? client.logout() : end(id, device))}
                  label={`Sign out ${current ? 'this device' : device}`}
                >
                  Sign out
                </Action>
              )}
            />
            <div class="buttons">
              {sessions.length > 1 && <Action run={endOthers}>Sign out all others</Action>}
              <button type="button" onClick={() => setAsking(true)}>
                Sign out everywhere
              </button>
            </div>
          </>
        )}
      </Loading>
      {asking && (
        <Confirm
          title="Sign out everywhere?"
          verb="Sign out everywhere"
          run={() => client.logoutAll()}
          onClose={() => setAsking(false)}
        >
          You will have to sign in again on every device, this one too.
        </Confirm>
      )}
    </Section>
  );
}
