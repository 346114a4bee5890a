package program

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
)

func postgresDialect() dialect {
	return dialect{
		programs: []Program{
			{Name: "psql", Package: map[string]string{"darwin": "brew install libpq", "windows": "the PostgreSQL installer", "": "postgresql-client"},
				environment: Target.libpq, Steering: libpqSteering()},
			{Name: "pgcli", Package: map[string]string{"": "pip install pgcli"}, environment: Target.libpq, Steering: libpqSteering()},
		},
		socket: ".s.PGSQL.5432", url: Target.postgresURL, environment: Target.libpq, jdbc: Target.postgresJDBC,
		dbeaver: [2]string{"postgresql", "postgres-jdbc"},
	}
}

// libpq tells everything that rests on PostgreSQL's own library. The tunnel encrypts, so the program must not.
func (t Target) libpq() []string {
	host, port := t.Host, t.Port
	if t.Socket != "" { // which libpq names by its directory and a port
		host, port = filepath.Dir(t.Socket), 5432
	}
	variables := []string{"PGHOST=" + host, "PGPORT=" + strconv.Itoa(port), "PGSSLMODE=disable"}
	if t.Account != "" {
		variables = append(variables, "PGUSER="+t.Account)
	}
	if t.Database != "" {
		variables = append(variables, "PGDATABASE="+t.Database)
	}
	return variables
}

// libpqSteering are the variables that would send a program elsewhere, or ask of the local end what TLS gives already.
func libpqSteering() []string {
	return []string{
		"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSSLMODE",
		"PGREQUIREAUTH", "PGCHANNELBINDING", "PGREQUIRESSL", "PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS", "PGREQUIREPEER",
	}
}

func (t Target) postgresURL() string {
	u := url.URL{Scheme: "postgresql", Host: t.address(), Path: "/" + t.Database, RawQuery: "sslmode=disable"}
	if t.Account != "" {
		u.User = url.User(t.Account)
	}
	return u.String()
}

func (t Target) postgresJDBC() string {
	query := url.Values{"sslmode": {"disable"}}
	if t.Account != "" {
		query.Set("user", t.Account)
	}
	return fmt.Sprintf("jdbc:postgresql://%s/%s?%s", t.address(), url.PathEscape(t.Database), query.Encode())
}
