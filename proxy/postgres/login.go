package postgres

import (
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// Login implements proxy.Client. At the native entrance the user is PERSON[#RESOURCE[/ACCOUNT]], and the resource
// may stand before the database instead, as RESOURCE/DATABASE. In the tunnel who and what are known, and the user is
// the account.
func (c *client) Login() proxy.Login {
	login := proxy.Login{Token: access.TokenProof{Token: c.token}, Application: c.startup["application_name"]}
	user, database := c.startup["user"], c.startup["database"]
	if database == user {
		database = "" // libpq's default when no database was named
	}
	if id := c.conn.Identity(); id != nil {
		login.Database = database
		login.Account = proxy.TunnelAccount(id, user)
		return login
	}
	login.User, login.Resource, login.Account = proxy.NativeUser(user)
	if login.Resource == "" && c.conn.Resource() == "" {
		var named bool
		if login.Resource, database, named = strings.Cut(database, "/"); !named {
			database = ""
		}
	}
	login.Database = database
	return login
}
