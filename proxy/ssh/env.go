package ssh

import (
	"slices"
	"strings"
)

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
