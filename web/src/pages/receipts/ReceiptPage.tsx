import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { receipt } from '../../api/receipts';
import { Loaded, ObjectPage } from '../../components/ObjectPage';
import { quote } from '../../query/terms';
import { Download, ReceiptView } from './ReceiptView';

export function ReceiptPage() {
  const { id } = useParams({ from: '/app/receipts/$id' });
  return (
    <ObjectPage title={`Receipt ${id}`} up={<Link to="/receipts">Receipts</Link>} tools={<Download id={id} />}>
      <Loaded query={useQuery(receipt(id))} what="This receipt">
        {({ payload, signature }) => (
          <>
            <ReceiptView receipt={payload} />
            <p>
              <Link to="/audit" search={{ q: `id:${quote(payload.recorded)}`, event: payload.recorded }}>
                The event that recorded it before it was done
              </Link>
            </p>
            <p className="soft">
              Signed: <span className="mono" style={{ overflowWrap: 'anywhere' }}>{signature}</span>
            </p>
          </>
        )}
      </Loaded>
    </ObjectPage>
  );
}
