import { Table, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { groups, useSaveGroup } from '../../api/groups';
import { useMayChange } from '../../api/me';
import type { Group } from '../../api/types';
import { Form } from '../../components/Form';
import { FormDialog } from '../../components/FormDialog';
import { ListPage } from '../../components/ListPage';
import { Command, Notice } from '../../components/Notice';
import { localTime } from '../../format/time';

export function GroupsPage() {
  return (
    <ListPage
      title="Groups"
      noun="group"
      query={useQuery(groups)}
      filterText={(group) => [group.name, group.source].join(' ')}
      columns={['Name', 'Kept by', 'Added']}
      row={(group) => <Row key={group.name} group={group} />}
      tools={useMayChange() && <AddGroup />}
      empty={
        <Notice title="No groups yet">
          <p>
            Roles may be given to groups. The identity provider and SCIM bring theirs by themselves; users and roles may
            name groups that do not stand here, too.
          </p>
          <Command>sally admin groups add engineers</Command>
        </Notice>
      }
    />
  );
}

function Row({ group }: { group: Group }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>
        <Link to="/groups/$name" params={{ name: group.name }}>
          {group.name}
        </Link>
      </Table.Td>
      <Table.Td className="soft">{group.source === 'scim' ? 'the directory, by SCIM' : 'admins'}</Table.Td>
      <Table.Td className="soft">{group.created ? localTime(group.created) : '–'}</Table.Td>
    </Table.Tr>
  );
}

function AddGroup() {
  return (
    <FormDialog label="Add group" title="Add a group">
      {(close) => <GroupForm done={close} />}
    </FormDialog>
  );
}

function GroupForm({ done }: { done: () => void }) {
  const save = useSaveGroup();
  const [name, setName] = useState('');
  const submit = () => save.mutate({ object: { name: name.trim() }, fresh: true }, { onSuccess: done });
  return (
    <Form fields={['name']} error={save.error} pending={save.isPending} submit="Add group" onSubmit={submit} cancel={done}>
      {(at) => (
        <TextInput label="Name" required data-autofocus value={name} error={at('name')} onChange={(e) => setName(e.currentTarget.value)} />
      )}
    </Form>
  );
}
