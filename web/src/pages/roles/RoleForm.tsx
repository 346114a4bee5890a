import { Checkbox, Fieldset, Group, MultiSelect, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { groups } from '../../api/groups';
import { resources } from '../../api/resources';
import { roles, useSaveRole } from '../../api/roles';
import type { Role } from '../../api/types';
import type { Faults } from '../../components/faults';
import { Form } from '../../components/Form';
import { CLASSES } from '../../format/classes';
import { durationFault } from '../../format/time';
import { draftOf, type RoleDraft, roleOf } from './draft';
import { Windows } from './Windows';

const FIELDS = [
  'name', 'resources', 'labels', 'accounts', 'groups', 'statements.classes', 'statements.tables', 'statements.deny_tables',
  'statements.deny_columns', 'statements.max_rows', 'when', 'from', 'max_session', 'mfa', 'request.approvers',
  'request.approvals', 'request.max',
] as const;

interface PartProps {
  draft: RoleDraft;
  change: (part: Partial<RoleDraft>) => void;
  at: Faults['at'];
}

// RoleForm shows and edits all that a role says.
export function RoleForm({ role, fresh, saved, cancel }: { role: Role; fresh: boolean; saved: (role: Role) => void; cancel?: () => void }) {
  const save = useSaveRole();
  const [before] = useState(role);
  const [draft, setDraft] = useState(() => draftOf(role));
  const change = (part: Partial<RoleDraft>) => setDraft((before) => ({ ...before, ...part }));
  return (
    <Form
      fields={FIELDS}
      error={save.error}
      pending={save.isPending}
      submit={fresh ? 'Create the role' : 'Save'}
      onSubmit={() => save.mutate({ object: roleOf(draft), fresh, before }, { onSuccess: saved })}
      disabled={[draft.maxSession, draft.mfa, draft.longest].some(durationFault)}
      cancel={cancel}
    >
      {(at) => (
        <>
          {fresh && (
            <TextInput label="Name" required data-autofocus maw={320} value={draft.name} error={at('name')} onChange={(e) => change({ name: e.currentTarget.value })} />
          )}
          <Where draft={draft} change={change} at={at} />
          <Who draft={draft} change={change} at={at} />
          <Statements draft={draft} change={change} at={at} />
          <Conditions draft={draft} change={change} at={at} />
          <OnRequest draft={draft} change={change} at={at} />
        </>
      )}
    </Form>
  );
}

function Where({ draft, change, at }: PartProps) {
  const stores = useQuery(resources).data?.items ?? [];
  const accounts = [...new Set(stores.flatMap((store) => Object.keys(store.accounts)))].sort();
  return (
    <Fieldset legend="What it opens">
      <TagsInput
        label="Resources" description="By name; * is all" size="xs" data={['*', ...stores.map((store) => store.name)]}
        value={draft.resources} error={at('resources')} onChange={(names) => change({ resources: names })}
      />
      <TagsInput
        label="Labels" description="And those that carry all of these, such as env=prod" size="xs"
        value={draft.labels} error={at('labels')} onChange={(labels) => change({ labels })}
      />
      <TagsInput
        label="Accounts" description="At the resource; * is all. The first that the resource has is the default" size="xs" data={['*', ...accounts]}
        value={draft.accounts} error={at('accounts')} onChange={(names) => change({ accounts: names })}
      />
    </Fieldset>
  );
}

function Who({ draft, change, at }: PartProps) {
  const known = useQuery(groups).data?.items ?? [];
  return (
    <Fieldset legend="Who holds it">
      <TagsInput
        label="Groups" description="Their members hold it, beside those whom it is given by name" size="xs" data={known.map((group) => group.name)}
        value={draft.groups} error={at('groups')} onChange={(names) => change({ groups: names })}
      />
      <Group gap="lg" mt="sm">
        <Checkbox size="xs" label="Admin: may change everything here" checked={draft.admin} onChange={(e) => change({ admin: e.currentTarget.checked })} />
        <Checkbox size="xs" label="Auditor: may read the record" checked={draft.auditor} onChange={(e) => change({ auditor: e.currentTarget.checked })} />
        <Checkbox size="xs" label="Provisioner: may push users by SCIM" checked={draft.provisioner} onChange={(e) => change({ provisioner: e.currentTarget.checked })} />
        {draft.provisioner && (
          <Checkbox size="xs" label="and may make people admins by it" checked={draft.provisionsAdmins} onChange={(e) => change({ provisionsAdmins: e.currentTarget.checked })} />
        )}
      </Group>
    </Fieldset>
  );
}

function Statements({ draft, change, at }: PartProps) {
  return (
    <Fieldset legend="What may run">
      <MultiSelect
        label="Classes" description="Over SSH, forward, listen, agent and x11 run only where they are named" size="xs" placeholder={draft.classes.length === 0 ? 'all' : undefined} data={CLASSES}
        value={draft.classes} error={at('statements.classes')} onChange={(classes) => change({ classes })}
      />
      <TagsInput
        label="Tables" description="TABLE or SCHEMA.TABLE, over SSH /PATH or HOST:PORT, * for any characters; none: all" size="xs"
        value={draft.tables} error={at('statements.tables')} onChange={(tables) => change({ tables })}
      />
      <TagsInput
        label="But not these tables" size="xs" value={draft.denyTables} error={at('statements.deny_tables')}
        onChange={(denyTables) => change({ denyTables })}
      />
      <TagsInput
        label="But not these columns" description="COLUMN or TABLE.COLUMN" size="xs" value={draft.denyColumns} error={at('statements.deny_columns')}
        onChange={(denyColumns) => change({ denyColumns })}
      />
      <TextInput
        label="Rows at most" inputMode="numeric" pattern="[0-9]*" maw={160} placeholder="no limit" value={draft.maxRows}
        error={at('statements.max_rows')} onChange={(e) => change({ maxRows: e.currentTarget.value.trim() })}
      />
      <Checkbox
        size="xs" mt="sm" label="No UPDATE or DELETE of a whole table, without WHERE" checked={draft.requireWhere}
        onChange={(e) => change({ requireWhere: e.currentTarget.checked })}
      />
    </Fieldset>
  );
}

function Conditions({ draft, change, at }: PartProps) {
  return (
    <Fieldset legend="On which conditions">
      <Windows windows={draft.when} error={at('when')} change={(when) => change({ when })} />
      <TagsInput
        label="From networks" size="xs" mt="xs" placeholder={draft.from.length === 0 ? 'everywhere; or 10.2.0.0/16' : undefined}
        value={draft.from} error={at('from')} onChange={(from) => change({ from })}
      />
      <Group align="flex-start">
        <TextInput
          label="A session lasts at most" placeholder="no limit; or 8h" value={draft.maxSession} error={durationFault(draft.maxSession) ?? at('max_session')}
          onChange={(e) => change({ maxSession: e.currentTarget.value })}
        />
        <TextInput
          label="A passkey was used within" placeholder="not needed; or 1h" value={draft.mfa} error={durationFault(draft.mfa) ?? at('mfa')}
          onChange={(e) => change({ mfa: e.currentTarget.value })}
        />
      </Group>
    </Fieldset>
  );
}

function OnRequest({ draft, change, at }: PartProps) {
  const known = useQuery(roles).data?.items ?? [];
  return (
    <Fieldset legend="On request">
      <Checkbox
        size="xs" label="Holders have to ask for it each time" checked={draft.onRequest}
        onChange={(e) => change({ onRequest: e.currentTarget.checked })}
      />
      {draft.onRequest && (
        <>
          <MultiSelect
            label="Approved by holders of" size="xs" mt="xs" data={known.map((role) => role.name)} value={draft.approvers}
            error={at('request.approvers')} onChange={(approvers) => change({ approvers })}
          />
          <Group align="flex-start">
            <TextInput
              label="How many approve" description="0: a reason is enough" inputMode="numeric" pattern="[0-9]+" required value={draft.approvals}
              error={at('request.approvals')} onChange={(e) => change({ approvals: e.currentTarget.value.trim() })}
            />
            <TextInput
              label="Given for at most" description="Such as 4h" placeholder="8h" value={draft.longest} error={durationFault(draft.longest) ?? at('request.max')}
              onChange={(e) => change({ longest: e.currentTarget.value })}
            />
          </Group>
        </>
      )}
    </Fieldset>
  );
}
