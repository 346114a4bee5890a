import { Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { gateways, useSaveGateway } from '../../api/gateways';
import type { Gateway } from '../../api/types';
import { Form } from '../../components/Form';

export function GatewayForm({ gateway, fresh, done }: { gateway: Gateway; fresh: boolean; done: () => void }) {
  const save = useSaveGateway();
  const others = (useQuery(gateways).data?.items ?? []).map(({ name }) => name).filter((name) => name !== gateway.name);
  const [draft, setDraft] = useState(gateway);
  const change = (part: Partial<Gateway>) => setDraft((before) => ({ ...before, ...part }));
  const submit = () => save.mutate({ object: { ...draft, name: draft.name.trim() }, fresh }, { onSuccess: done });
  return (
    <Form
      fields={['name', 'tunnel', 'hosts', 'relay']}
      error={save.error}
      pending={save.isPending}
      submit={fresh ? 'Add gateway' : 'Save'}
      onSubmit={submit}
      cancel={done}
    >
      {(at) => (
        <>
          {fresh && (
            <TextInput label="Name" required data-autofocus value={draft.name} error={at('name')} onChange={(e) => change({ name: e.currentTarget.value })} />
          )}
          <TextInput
            label="Tunnel" description="host:port of its tunnel entrance, as clients reach it" placeholder="east.acme.com:8444" value={draft.tunnel ?? ''}
            error={at('tunnel')} onChange={(e) => change({ tunnel: e.currentTarget.value.trim() || undefined })}
          />
          <TagsInput
            label="Further hosts" description="DNS names and addresses in its certificate, for the native entrances" size="xs" value={draft.hosts ?? []}
            error={at('hosts')} onChange={(hosts) => change({ hosts: hosts.length > 0 ? hosts : undefined })}
          />
          <Select
            label="Relay" description="The gateway through which it is reached, where nothing can listen" size="xs" clearable
            clearButtonProps={{ 'aria-label': 'No relay' }} data={others} value={draft.relay ?? null} error={at('relay')}
            onChange={(relay) => change({ relay: relay ?? undefined })}
          />
        </>
      )}
    </Form>
  );
}
