package proxy

import (
	"strings"

	"github.com/sallyport/sallyport/access"
)

// NativeUser takes apart the user name that a client gives at a native entrance: PERSON[#RESOURCE[/ACCOUNT]].
func NativeUser(name string) (person, resource, account string) {
	person, target, _ := strings.Cut(name, "#")
	resource, account, _ = strings.Cut(target, "/")
	return person, resource, account
}

// TunnelAccount is the account that a user name asks for in the tunnel, where the person is known: none when it is the
// person's own name, which many programs give unasked.
func TunnelAccount(id *access.Identity, name string) string {
	if local, _, _ := strings.Cut(id.User, "@"); name == id.User || name == local {
		return ""
	}
	return name
}

// maxName bounds the names by which a client asks for something, in bytes. Nobody and nothing has a longer one.
const maxName = 512

// bound cuts what is too long, since whoever is refused is on the record with it: a flood of them must not fill that. The error, an
// *access.Denial, says that a name was cut, which may then be another's.
func (l *Login) bound() error {
	var err error
	for _, name := range []*string{&l.User, &l.Resource, &l.Account, &l.Database} {
		if len(*name) > maxName {
			*name = strings.ToValidUTF8((*name)[:maxName], "")
			err = &access.Denial{Cause: access.UnknownResource, Sentence: "nobody and nothing here has a name as long as that"}
		}
	}
	l.Application = strings.ToValidUTF8(l.Application[:min(len(l.Application), maxName)], "")
	return err
}
