package admin

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
)

var (
	// userNames are mail addresses and the like: nothing that would need quoting in a URL, a login or a shell.
	userNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)
	// labelNames are DNS labels (RFC 1123), because resources are named by SNI.
	labelNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	// plainNames are for what is named within Sallyport alone.
	plainNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}$`)
	// objectNames are plainNames that fit into one segment of a path.
	objectNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
)

// maxText bounds free text in an object, such as a label's value, in bytes.
const maxText = 256

func checkUserName(name string) error {
	if !userNames.MatchString(name) {
		return invalid("name", "a user's name has letters, digits and . _ @ + - only, begins with a letter or digit, and has at most 128 of them")
	}
	return nil
}

func checkObjectName(name string) error {
	if !objectNames.MatchString(name) {
		return invalid("name", "the name has letters, digits and . _ - only, begins with a letter or digit, and has at most 128 of them")
	}
	return nil
}

// checkNewName refuses a user's name that people would take for another's, whoever brings it: an admin, a directory or an
// identity provider.
func checkNewName(snap *snapshot, name string) error {
	if err := checkUserName(name); err != nil {
		return err
	}
	if _, exists := snap.Users[name]; exists {
		return nil
	}
	for other := range snap.Users {
		if strings.EqualFold(strings.TrimRight(other, "."), strings.TrimRight(name, ".")) {
			return conflict("there is a user %q already, whose name could be taken for %q", other, name)
		}
	}
	return nil
}

// userNamed finds the user whom an identity provider or a directory means, to which upper and lower case are one. Where
// the names of several users differ in case alone, nobody knows whom it means, and nobody guesses.
func (s *snapshot) userNamed(name string) (u access.User, exists bool, err error) {
	for other := range s.Users {
		if !strings.EqualFold(other, name) {
			continue
		}
		if exists {
			return access.User{}, false, conflict("several users' names are %q but for upper and lower case; remove all but one", name)
		}
		u, exists = s.Users[other], true
	}
	return u, exists, nil
}

// checkLabels bounds a resource's or role's labels.
func checkLabels(labels map[string]string) error {
	for k, v := range labels {
		if !plainNames.MatchString(k) {
			return invalid("labels", "the label %q has other characters than letters, digits and . _ @ / + -", k)
		}
		if len(v) > maxText {
			return invalid("labels", "the label %s is longer than %d bytes", k, maxText)
		}
	}
	return nil
}

// uniqueNames sorts the names and drops repetitions; every name must be usable in a list. nil stays nil.
func uniqueNames(field string, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	for _, name := range sorted {
		if name == "" || len(name) > maxText {
			return nil, invalid(field, "a name in %s is empty or longer than %d bytes", field, maxText)
		}
	}
	return sorted, nil
}
