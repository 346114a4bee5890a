package mysql

import (
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// describe notes what the client asks for. At the native entrance the user is PERSON[#RESOURCE[/ACCOUNT]], and the resource may
// stand before the database instead, as RESOURCE/DATABASE. In the tunnel who and what are known, and the user is the account.
func (c *client) describe(r *response, proof access.TokenProof) {
	c.login = proxy.Login{Token: proof, Database: r.database, Application: application(r.attributes)}
	if id := c.conn.Identity(); id != nil {
		c.login.Account = proxy.TunnelAccount(id, r.user)
		return
	}
	c.login.User, c.login.Resource, c.login.Account = proxy.NativeUser(r.user)
	if c.login.Resource == "" && c.conn.Resource() == "" {
		c.login.Resource, c.login.Database, _ = strings.Cut(r.database, "/")
	}
}

// application is the client program's name, as it tells by its connect attributes.
func application(attributes []byte) string {
	for _, name := range []string{"program_name", "_client_name"} {
		if value, _ := attribute(attributes, name); value != "" {
			return value
		}
	}
	return ""
}
