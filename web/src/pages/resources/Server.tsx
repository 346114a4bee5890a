import { Checkbox, Select, TagsInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { SSH } from '../../api/types';
import type { Faults } from '../../components/faults';
import { type EnvKind, envKind, envOf, keysOf } from './draft';

const ENV: { value: EnvKind; label: string }[] = [
  { value: 'default', label: 'LANG and LC_*' },
  { value: 'none', label: 'None' },
  { value: 'list', label: 'Those of a list' },
];

// Server is what an SSH server says besides its address: how it is known, and what is recorded.
export function Server({ ssh, at, change }: { ssh: SSH; at: Faults['at']; change: (ssh: SSH) => void }) {
  const edit = (part: Partial<SSH>) => change({ ...ssh, ...part });
  return (
    <>
      <Keys
        label="Host keys" description="Its public keys, one a line; without any, and without host authorities, the first that is seen is pinned"
        keys={ssh.host_keys} error={at('ssh.host_keys')} change={(host_keys) => edit({ host_keys })}
      />
      <Keys
        label="Host authorities" description="Public keys, one a line, of those whose host certificates are taken"
        keys={ssh.host_cas} error={at('ssh.host_cas')} change={(host_cas) => edit({ host_cas })}
      />
      <Select
        label="Environment" description="Variables that clients may set" size="xs" data={ENV} allowDeselect={false}
        value={envKind(ssh.env)} onChange={(kind) => kind && edit({ env: envOf(kind) })}
      />
      {envKind(ssh.env) === 'list' && (
        <TagsInput
          label="Variables" description="Names, with * for any characters; without any, clients may set none" size="xs"
          value={ssh.env} error={at('ssh.env')} onChange={(env) => edit({ env })}
        />
      )}
      <Checkbox
        label="Record what is typed" description="In terminals, but never while they show nothing of it; with the output of commands, also what they read on stdin" size="xs" checked={ssh.record_input ?? false}
        onChange={(e) => edit({ record_input: e.currentTarget.checked || undefined })}
      />
      <Checkbox
        label="Record the output of commands" description="That run without a terminal" size="xs" checked={ssh.record_exec ?? false}
        onChange={(e) => edit({ record_exec: e.currentTarget.checked || undefined })}
      />
    </>
  );
}

interface KeysProps {
  label: string;
  description: string;
  keys: string[] | null | undefined;
  error: string | undefined;
  change: (keys: string[]) => void;
}

function Keys({ keys, change, ...rest }: KeysProps) {
  const [text, setText] = useState(() => (keys ?? []).join('\n'));
  const write = (written: string) => {
    setText(written);
    change(keysOf(written));
  };
  return <Textarea {...rest} size="xs" autosize minRows={2} maxRows={8} value={text} onChange={(e) => write(e.currentTarget.value)} />;
}
