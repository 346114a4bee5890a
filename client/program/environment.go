package program

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Environment gives the variables that programs of the protocol read, as "NAME=value", with DATABASE_URL, or for Redis
// REDIS_URL, at the end.
func (t Target) Environment(address string) ([]string, error) {
	d, ok := dialects()[t.Protocol]
	switch {
	case !ok:
		return nil, fmt.Errorf("programs for %s read no variables; the address is %s", t.Protocol, address)
	case d.environment == nil:
		return []string{strings.ToUpper(t.Protocol) + "_URL=" + address}, nil
	}
	return append(d.environment(t), "DATABASE_URL="+address), nil
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
