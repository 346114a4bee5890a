import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { gateways, gatewayStatus, useRemoveGateway, useSaveGateway } from '../../api/gateways';
import { useMayChange } from '../../api/me';
import type { Gateway, GatewayStatus } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { FormDialog } from '../../components/FormDialog';
import { ListPage } from '../../components/ListPage';
import { Command, Notice, Unread } from '../../components/Notice';
import { RemoveButton } from '../../components/RemoveButton';
import { count } from '../../format/amount';
import { age, localTime } from '../../format/time';
import { GatewayForm } from './GatewayForm';
import { JoinToken } from './JoinToken';

export function GatewaysPage() {
  const known = useQuery(gateways);
  const mayChange = useMayChange();
  return (
    <ListPage
      title="Gateways"
      noun="gateway"
      query={useQuery(gatewayStatus)}
      filterText={(gateway) => [gateway.name, gateway.state, gateway.tunnel, gateway.version].join(' ')}
      columns={['Name', 'State', 'Last seen', 'Rules', 'Sessions', 'Tunnel', 'Version', 'Action']}
      row={(status) => (
        <Row key={status.name} status={status} gateway={mayChange ? known.data?.items.find(({ name }) => name === status.name) : undefined} />
      )}
      tools={
        mayChange && (
          <FormDialog label="Add gateway" title="Add a gateway">
            {(close) => <GatewayForm gateway={{ name: '' }} fresh done={close} />}
          </FormDialog>
        )
      }
      above={mayChange && <Unread what="The gateways cannot be changed just now" queries={[known]} />}
      empty={
        <Notice title="No further gateways">
          <p>This server lets people through by itself. Gateways stand where the resources are, and follow its rules.</p>
          <Command>sally admin gateways add east --tunnel east.acme.com:8444</Command>
        </Notice>
      }
    />
  );
}

const tones: Record<GatewayStatus['state'], string> = { connected: 'good', away: 'bad', waiting: 'warn' };

function Row({ status, gateway }: { status: GatewayStatus; gateway: Gateway | undefined }) {
  return (
    <Table.Tr>
      <Table.Td fw={500}>{status.name}</Table.Td>
      <Table.Td className={tones[status.state]}>
        {status.state === 'waiting' ? 'has not joined yet' : status.state}
        {status.draining && <span className="warn">, draining</span>}
      </Table.Td>
      <Table.Td className="soft" title={status.last_seen && localTime(status.last_seen)}>
        {status.last_seen ? `${age(status.last_seen)} ago` : 'never'}
      </Table.Td>
      <Table.Td className={status.current ? undefined : 'warn'}>
        {count(status.generation)} {status.current ? 'newest' : 'behind'}
      </Table.Td>
      <Table.Td ta="right">{count(status.sessions)}</Table.Td>
      <Table.Td className="mono">{status.tunnel || '–'}</Table.Td>
      <Table.Td className="mono">{status.version || '–'}</Table.Td>
      <Table.Td>{gateway && <Actions gateway={gateway} />}</Table.Td>
    </Table.Tr>
  );
}

function Actions({ gateway }: { gateway: Gateway }) {
  return (
    <div style={{ display: 'flex', gap: 6 }}>
      <JoinToken gateway={gateway.name} />
      <Drain gateway={gateway} />
      <FormDialog label="Edit" title={`Edit the gateway ${gateway.name}`} minor>
        {(close) => <GatewayForm gateway={gateway} fresh={false} done={close} />}
      </FormDialog>
      <RemoveButton what={`the gateway ${gateway.name}`} name={gateway.name} remove={useRemoveGateway()}>
        It is refused from now on, and its sessions end. To have it back it must join anew.
      </RemoveButton>
    </div>
  );
}

function Drain({ gateway }: { gateway: Gateway }) {
  const save = useSaveGateway();
  const label = gateway.draining ? 'Take up' : 'Drain';
  return (
    <ConfirmButton
      label={label}
      title={`${label} the gateway ${gateway.name}?`}
      pending={save.isPending}
      error={save.error}
      act={(done) => save.mutate({ object: { ...gateway, draining: !gateway.draining || undefined }, fresh: false }, { onSuccess: done })}
    >
      {gateway.draining
        ? 'Clients are sent to it again.'
        : 'Clients go elsewhere where they can. Sessions that are open there go on until they end.'}
    </ConfirmButton>
  );
}
