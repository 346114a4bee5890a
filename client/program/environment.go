package program

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// libpq tells everything that rests on PostgreSQL's own library. The tunnel encrypts, so the program must not.
func (t Target) libpq() []string {
	variables := []string{"PGHOST=" + t.Host, "PGPORT=" + strconv.Itoa(t.Port), "PGSSLMODE=disable"}
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

// Environment gives the variables that programs of the protocol read, as "NAME=value", with DATABASE_URL at the end.
func (t Target) Environment(address string) ([]string, error) {
	if t.Protocol != "postgres" {
		return nil, fmt.Errorf("programs for %s read no variables; the address is %s", t.Protocol, address)
	}
	return append(t.libpq(), "DATABASE_URL="+address), nil
}

// Shells are those that Export writes for.
func Shells() []string { return []string{"sh", "fish", "powershell", "json"} }

// Export writes variables as a shell's commands, or as a JSON object.
func Export(variables []string, shell string) (string, error) {
	if !slices.Contains(Shells(), shell) {
		return "", fmt.Errorf("--shell is one of %s, not %q", strings.Join(Shells(), ", "), shell)
	}
	var out strings.Builder
	object := map[string]string{}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		object[name] = value
		switch shell {
		case "sh":
			fmt.Fprintf(&out, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
		case "fish":
			fmt.Fprintf(&out, "set -gx %s '%s'\n", name, strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(value))
		case "powershell":
			fmt.Fprintf(&out, "$Env:%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
		}
	}
	if shell == "json" {
		content, err := json.MarshalIndent(object, "", "  ")
		return string(content) + "\n", err
	}
	return out.String(), nil
}

// jdbc is the address in the form that Java programs take.
func (t Target) jdbc() string {
	query := url.Values{"sslmode": {"disable"}}
	if t.Account != "" {
		query.Set("user", t.Account)
	}
	return fmt.Sprintf("jdbc:postgresql://%s:%d/%s?%s", t.Host, t.Port, url.PathEscape(t.Database), query.Encode())
}
