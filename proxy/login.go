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
