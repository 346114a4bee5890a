import { Link } from '@tanstack/react-router';
import classes from './Saved.module.css';
import { useStartingPoints } from './useSaved';

// StartingPoints lists searches that most people come for.
export function StartingPoints({ picked }: { picked?: () => void }) {
  return (
    <ul className={classes.list} aria-label="Starting points">
      {useStartingPoints().map(({ name, view }) => (
        <li key={name} className={classes.item}>
          <Link to="/audit" search={view} className={classes.link} title={view.q} onClick={picked}>
            {name}
          </Link>
        </li>
      ))}
    </ul>
  );
}
