import type { Param } from '../../api/types';
import { paramView } from '../../format/event';
import classes from './EventPanel.module.css';

// Params lists bind parameters by position.
export function Params({ params }: { params: Param[] | undefined }) {
  if (!params?.length) return null;
  return (
    <div className={classes.box}>
      <div className={classes.boxBody} tabIndex={0} role="region" aria-label="Parameters">
        <table className={classes.params}>
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">Form</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {params.map((param, i) => (
              <Row key={i} position={i + 1} param={param} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ position, param }: { position: number; param: Param }) {
  const { kind, text } = paramView(param);
  return (
    <tr>
      <td className="mono">{position}</td>
      <td>{kind}</td>
      <td className="mono">{text || (kind === 'NULL' ? <span className="soft">NULL</span> : <span className="soft">empty</span>)}</td>
    </tr>
  );
}
