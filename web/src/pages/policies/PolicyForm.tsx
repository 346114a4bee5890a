import { Checkbox, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Problem } from '../../api/http';
import { useSavePolicy } from '../../api/policies';
import type { Policy } from '../../api/types';
import { Form } from '../../components/Form';
import { PolicyText } from './PolicyText';

// PolicyForm writes a policy. Its error stands at the line that it is about.
export function PolicyForm({ policy, fresh, saved, cancel }: { policy: Policy; fresh: boolean; saved: (policy: Policy) => void; cancel?: () => void }) {
  const save = useSavePolicy();
  const [before] = useState(policy);
  const [draft, setDraft] = useState(policy);
  const change = (part: Partial<Policy>) => setDraft((before) => ({ ...before, ...part }));
  const line = save.error instanceof Problem ? save.error.line : undefined;
  return (
    <Form
      fields={['name', 'text']}
      error={save.error}
      pending={save.isPending}
      submit={fresh ? 'Create the policy' : 'Save'}
      onSubmit={() =>
        save.mutate({ object: { name: draft.name.trim(), text: draft.text, disabled: draft.disabled || undefined }, fresh, before }, { onSuccess: saved })
      }
      cancel={cancel}
    >
      {(at) => (
        <>
          {fresh && (
            <TextInput label="Name" required data-autofocus maw={320} value={draft.name} error={at('name')} onChange={(e) => change({ name: e.currentTarget.value })} />
          )}
          <PolicyText value={draft.text} error={at('text')} line={line} change={(text) => change({ text })} />
          <Checkbox
            size="xs"
            label="In effect"
            description="Its text is checked in either case"
            checked={!draft.disabled}
            onChange={(e) => change({ disabled: !e.currentTarget.checked })}
          />
        </>
      )}
    </Form>
  );
}
