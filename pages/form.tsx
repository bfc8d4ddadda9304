import { type ComponentChildren, createContext, h } from 'preact';
import { useContext, useEffect, useId, useRef, useState } from 'preact/hooks';
import { type Failure, failureOf, sentenceFor } from './failures.js';
import { Eye } from './icons.js';
import { Notice } from './notices.js';

interface FormState {
  busy: boolean;
  /** Sentences by the name of the field. */
  faults: Readonly<Record<string, string>>;
}

const FormContext = createContext<FormState>({ busy: false, faults: {} });

/** The texts of the fields by their names, without white space around them unless it is a password. */
export type Values = Readonly<Record<string, string>>;

interface FormProps {
  /** Throws what `failureOf` understands. The form is cleared by whoever gives it another `key`. */
  onSubmit: (values: Values) => Promise<void>;
  /** Which field a code of the service is about. */
  blame?: Readonly<Record<string, string>>;
  children: ComponentChildren;
  class?: string;
}

/** A form that says what is wrong beside the field, and puts the cursor there. */
export function Form({ onSubmit, blame = {}, children, class: className }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [faults, setFaults] = useState<Readonly<Record<string, string>>>({});
  const [general, setGeneral] = useState('');

  useEffect(() => {
    if (Object.keys(faults).length > 0) {
      form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    }
  }, [faults]);

  const submit = async (event: Event) => {
    event.preventDefault();
    // What the answer does may take the form away.
    const element = form.current;
    if (busy || element === null) return;
    setGeneral('');
    const empty = missing(element);
    setFaults(empty);
    if (Object.keys(empty).length > 0) return;
    setBusy(true);
    try {
      await onSubmit(valuesOf(element));
    } catch (error) {
      const told = tell(failureOf(error), element, blame);
      setFaults(told.faults);
      setGeneral(told.general);
    }
    setBusy(false);
  };

  return (
    <form ref={form} onSubmit={submit} noValidate class={`form ${className ?? ''}`}>
      <FormContext.Provider value={{ busy, faults }}>
        {general !== '' && <Notice kind="bad">{general}</Notice>}
        {children}
      </FormContext.Provider>
    </form>
  );
}

function inputsOf(form: HTMLFormElement): HTMLInputElement[] {
  return [...form.elements].filter((element) => element instanceof HTMLInputElement);
}

function valuesOf(form: HTMLFormElement): Values {
  const named = inputsOf(form).filter(({ name }) => name !== '');
  return Object.fromEntries(
    named.map(({ name, value, dataset }) => [name, 'exact' in dataset ? value : value.trim()]),
  );
}

function labelOf(input: HTMLInputElement): string {
  const label = input.labels?.[0]?.textContent ?? input.name;
  return label.replace('(optional)', '').trim();
}

/** What is missing, before the service is asked. */
function missing(form: HTMLFormElement): Record<string, string> {
  const empty = inputsOf(form).filter((input) => input.required && input.value.trim() === '');
  return Object.fromEntries(
    empty.map((input) => [input.name, `${labelOf(input)} must not be empty.`]),
  );
}

/** Divides what the service found wrong into what belongs to a field and the rest. */
function tell(failure: Failure, form: HTMLFormElement, blame: Readonly<Record<string, string>>) {
  const inputs = new Map(inputsOf(form).map((input) => [input.name, input]));
  const faults: Record<string, string> = {};
  const rest: string[] = [];
  for (const { pointer, detail } of failure.errors) {
    const input = inputs.get(pointer.split('/')[1] ?? '');
    if (input === undefined) rest.push(`${pointer.slice(1)} ${detail}.`);
    else faults[input.name] = `${labelOf(input)} ${detail}.`;
  }
  const blamed = blame[failure.code];
  if (blamed !== undefined) faults[blamed] = sentenceFor(failure);
  else if (failure.errors.length === 0) rest.push(sentenceFor(failure));
  return { faults, general: rest.join(' ') };
}

interface FieldProps {
  /** The member of the request, so that the service's pointers find it. */
  name: string;
  label: string;
  hint?: string;
  /** Stands at the end of the input. */
  children?: ComponentChildren;
  /** White space around the text counts. */
  exact?: boolean;
  type?: 'text' | 'email' | 'password';
  autocomplete: 'off' | 'name' | 'username' | 'current-password' | 'new-password';
  inputMode?: 'email';
  required?: boolean;
  defaultValue?: string;
  autoFocus?: boolean;
}

/** A labelled text field with its hint and what is wrong with it. */
export function Field({ name, label, hint, children, exact, ...input }: FieldProps) {
  const { faults, busy } = useContext(FormContext);
  const id = useId();
  const fault = faults[name];
  const described = [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(' ');
  const attributes = {
    ...input,
    id,
    name,
    type: input.type ?? 'text',
    readOnly: busy,
    'aria-invalid': fault !== undefined,
    'aria-describedby': described === '' ? undefined : described,
    autocapitalize: 'none',
    spellcheck: false,
    'data-exact': exact,
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="control">
        {h('input', attributes)}
        {children}
      </div>
      {fault && (
        <p class="fault" id={`${id}-fault`}>
          {fault}
        </p>
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface PasswordProps {
  name: string;
  label: string;
  hint?: string;
  autocomplete: 'current-password' | 'new-password';
}

/** A password, hidden until its button is pressed. */
export function Password(props: PasswordProps) {
  const [shown, setShown] = useState(false);
  return (
    <Field {...props} type={shown ? 'text' : 'password'} required exact>
      <button
        type="button"
        class="reveal"
        aria-label={`Show ${props.label.toLowerCase()}`}
        aria-pressed={shown}
        onClick={() => setShown(!shown)}
      >
        <Eye crossed={shown} />
      </button>
    </Field>
  );
}

/** The button that sends the form it stands in. While the answer is awaited, it can't be pressed. */
export function Submit({ children, danger }: { children: ComponentChildren; danger?: boolean }) {
  const { busy } = useContext(FormContext);
  return (
    <button type="submit" class={danger ? 'danger' : 'primary'} aria-disabled={busy}>
      {busy && <span class="spinner" />}
      {children}
    </button>
  );
}
