package ssh

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// variables are those that a session has set, as the record of its command has them: what a command does may hang on them, such as
// sh -c "$LC_TODO".
type variables struct {
	recorded []audit.Param
	size     int // of their names and values, in bytes
}

// add keeps a variable. false: there are too many, or they are too long.
func (v *variables) add(name, value string) bool {
	size := v.size + len(name) + len(value)
	if len(v.recorded) >= maxVariables || size > maxEnvs {
		return false
	}
	v.size = size
	v.recorded = append(v.recorded, audit.Param{Value: append([]byte(name+"="), withoutSecrets(name, value)...)})
	return true
}

// secretMarker stands in the record of a variable where a secret stood.
const secretMarker = "[redacted:credential]"

// withoutSecrets is a variable's value as it is recorded. It may be a command line.
func withoutSecrets(name, value string) (recorded []byte) {
	if isSecret([]byte(name)) {
		return []byte(secretMarker)
	}
	at := 0
	for _, secret := range (reader{}).Credentials([]byte(value)) {
		recorded = append(append(recorded, value[at:secret.Start]...), secretMarker...)
		at = secret.End
	}
	return append(recorded, value[at:]...)
}

// isVariable says whether servers take it as it stands.
func (q *envRequest) isVariable() bool {
	return q.Name != "" && !strings.ContainsAny(q.Name, "=\x00") && !strings.Contains(q.Value, "\x00")
}

// usualEnv are the variables that clients may set where the resource does not say: those of the language.
func usualEnv() []string { return []string{"LANG", "LC_*"} }

// allowsEnv says whether clients may set the variable. A list of the resource's that is empty allows none.
func (l *link) allowsEnv(name string) bool {
	allowed := usualEnv()
	if l.resource.SSH != nil && l.resource.SSH.Env != nil {
		allowed = l.resource.SSH.Env
	}
	return slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, name) })
}

// matches says whether a name is one of a pattern's, in which * stands for any characters.
func matches(pattern, name string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return name == pattern
	}
	name, ok := strings.CutPrefix(name, first)
	for ok {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
		rest = more
	}
	return false
}
