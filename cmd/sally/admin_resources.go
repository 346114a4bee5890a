package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

func escapeName(name string) string { return url.PathEscape(name) }

func newAdminResources(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.Resource]{
		one: "resource", many: "resources",
		long: `Resources are the data stores and servers behind Sallyport. Each account there is opened with a credential.

A Redis Cluster is one resource with all of its nodes; --node names each by host and port as the cluster itself announces
it, and --address is that of any. A store whose master Sentinels know has --master, and their addresses as --address.

An SSH server is known by its --host-key, or by the --host-ca that certified it for the host in its address. Without either the
first key that is seen is pinned. A key is given as in ssh_host_ed25519_key.pub, or as a file that holds such lines or those of
ssh-keyscan.`,
		example: `  sally admin resources add orders-db --protocol postgres --address 127.0.0.1:5432 --database app \
      --ssl-mode disable --label env=prod --account app=orders-app
  sally admin resources add billing-db --protocol postgres --address billing.internal:5432 --ca ca.pem \
      --account app=billing-app --account readonly=billing-ro --durability strict
  sally admin resources add shop-db --protocol mysql --address shop.internal:3306 --database shop --account app=shop-app
  sally admin resources add sessions --protocol redis --address redis.internal:6379 --account app=sessions-app
  sally admin resources add cache --protocol redis --address 10.0.0.1:6379 --node n1=10.0.0.1:6379 --node n2=10.0.0.2:6379 \
      --node n3=10.0.0.3:6379 --account app=cache-app
  sally admin resources add queue --protocol redis --master mymaster --address 10.0.1.1:26379,10.0.1.2:26379,10.0.1.3:26379 \
      --account app=queue-app
  sally admin resources add web-1 --protocol ssh --address web-1.internal:22 --host-key web-1.pub --account deploy=web-login
  sally admin resources add web-2 --protocol ssh --address web-2.internal:22 --host-ca "ssh-ed25519 AAAA..." --env LANG --env 'LC_*' \
      --record-exec --account deploy=web-login`,
		head: []string{"NAME", "PROTOCOL", "ADDRESS", "DATABASE", "TLS", "ACCOUNTS", "LABELS", "DURABILITY", "NODES", "MASTER"},
		row: func(r access.Resource) []string {
			return []string{r.Name, r.Protocol, r.Address, r.Database, string(r.SSLMode), joinMap(r.Accounts), joinMap(r.Labels), string(r.Durability),
				joinNodes(r.Nodes), r.Master}
		},
		details: resourceDetails,
		changes: `  sally admin resources set orders-db --durability strict --label tier=gold --label old=
  sally admin resources set web-1 --account deploy=web-login --gateway gw-eu
  sally admin resources set web-1 --host-key new.pub     # it was set up anew
  sally admin resources set web-1 --host-key ''          # forget all its keys; the next that is seen is pinned`,
		fresh: func(name string) access.Resource {
			return access.Resource{Name: name, Protocol: "postgres", Accounts: map[string]string{}}
		},
		flags: resourceFlags,
	}
	return n.command(f, newForgetHostKey(f))
}

func resourceFlags(fs *pflag.FlagSet) func(*access.Resource) error {
	fs.String("protocol", "postgres", "protocol of the store: "+protocolNames())
	fs.String("address", "", "host:port of the store, or the path of its Unix socket; with --master, host:port of each Sentinel, with commas between")
	nodes := fs.StringToString("node", nil, "NODE=HOST:PORT: a node of the cluster that the store is (repeat)")
	fs.String("master", "", "name under which Sentinels know the store")
	fs.String("database", "", "database that is opened when the client names none")
	fs.String("ssl-mode", "", "disable, prefer, require, verify-ca or verify-full (the default)")
	ca := fs.String("ca", "", "file with the CA of the store's certificate, PEM; default: the system's")
	labels := fs.StringToString("label", nil, "label KEY=VALUE, by which roles select (repeat)")
	accounts := fs.StringToString("account", nil, "ACCOUNT=CREDENTIAL: the credential that opens the account (repeat)")
	fs.String("durability", "", "interval, hold (the default) or strict")
	takeSSH := sshFlags(fs)
	gateways := fs.StringSlice("gateway", nil, "gateway that reaches the store, in the order in which clients try them (repeat); default: all")
	return func(r *access.Resource) error {
		takeText(fs, "protocol", &r.Protocol)
		takeText(fs, "address", &r.Address)
		takeNodes(*nodes, &r.Nodes)
		takeText(fs, "master", &r.Master)
		takeText(fs, "database", &r.Database)
		takeText(fs, "ssl-mode", &r.SSLMode)
		takeText(fs, "durability", &r.Durability)
		takeMap(fs, "label", *labels, &r.Labels)
		takeMap(fs, "account", *accounts, &r.Accounts)
		takeList(fs, "gateway", *gateways, false, &r.Gateways)
		if err := takeSSH(r); err != nil {
			return err
		}
		if !fs.Changed("ca") {
			return nil
		}
		r.CA = ""
		if *ca != "" {
			b, err := os.ReadFile(*ca)
			if err != nil {
				return fmt.Errorf("read CA: %w", err)
			}
			r.CA = string(b)
		}
		return nil
	}
}

// takeNodes puts the nodes into the list by their names; one without an address is taken out.
func takeNodes(named map[string]string, into *[]access.Node) {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		address := named[name]
		i := slices.IndexFunc(*into, func(n access.Node) bool { return n.Name == name })
		switch {
		case address == "" && i >= 0:
			*into = slices.Delete(*into, i, i+1)
		case address == "":
		case i >= 0:
			(*into)[i].Address = address
		default:
			*into = append(*into, access.Node{Name: name, Address: address})
		}
	}
}

func joinNodes(nodes []access.Node) string {
	var words []string
	for _, n := range nodes {
		words = append(words, n.Name+"="+n.Address)
	}
	return strings.Join(words, ", ")
}

// resourceProtocols are those that resources may speak.
func resourceProtocols() []admin.Protocol {
	var protocols []admin.Protocol
	for _, p := range servedProtocols() {
		said := p.resources
		said.Name, said.Title = p.name, p.words
		protocols = append(protocols, said)
	}
	return protocols
}

func protocolNames() string {
	var names []string
	for _, p := range servedProtocols() {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func newAdminRoles(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.Role]{
		one: "role", many: "roles",
		long: `Roles give their holders access to resources as accounts, and rights at the control plane. Conditions narrow when, from
where and for how long they give it, and which statements may run. A role with --request gives nothing by being held:
its holders may ask for it, see docs/access-requests.md.`,
		example: `  sally admin roles add developers --resource orders-db --account app --group eng
  sally admin roles add on-call --label env=prod --account readonly --account app
  sally admin roles add auditors --auditor
  sally admin roles add readers --label env=prod --account readonly --class read --deny-column email --max-rows 10000 \
      --when "mon-fri 08:00-18:00 Europe/Berlin" --from 10.0.0.0/8 --max-session 8h
  sally admin roles add prod-writers --label env=prod --account app --mfa 1h \
      --request --approver leads --approvals 1 --max-grant 4h
  sally admin roles add operators --label env=prod --account deploy --class shell --class exec --class read --class write --class forward
  sally admin roles add uploaders --resource web-1 --account deploy --class read --class write \
      --table /srv/incoming --table '/srv/incoming/*'`,
		changes: `  sally admin roles set developers --resource orders-db --resource billing-db
  sally admin roles set operators --class shell --class exec`,
		head: []string{"NAME", "RESOURCES", "LABELS", "ACCOUNTS", "GROUPS", "ADMIN", "AUDITOR", "CONDITIONS"},
		row: func(r access.Role) []string {
			return []string{r.Name, joinList(r.Resources), joinMap(r.Labels), joinList(r.Accounts), joinList(r.Groups), yes(r.Admin), yes(r.Auditor), conditions(&r)}
		},
		fresh: func(name string) access.Role { return access.Role{Name: name, Accounts: []string{}} },
		flags: roleFlags,
	}
	return n.command(f)
}

func roleFlags(fs *pflag.FlagSet) func(*access.Role) error {
	resources := fs.StringSlice("resource", nil, "resource by name; * is all (repeat)")
	labels := fs.StringToString("label", nil, "resources that carry KEY=VALUE, all of those given (repeat)")
	accounts := fs.StringSlice("account", nil, "account at the resources, * is all; the first is the default (repeat)")
	groups := fs.StringSlice("group", nil, "group whose members hold the role (repeat)")
	fs.Bool("admin", false, "holders may change everything here")
	fs.Bool("auditor", false, "holders may read the record")
	fs.Bool("provisioner", false, "holders may push users and groups by SCIM")
	fs.Bool("provisions-admins", false, "with --provisioner: groups that give admin rights too")
	takeConditions := roleConditionFlags(fs)
	return func(r *access.Role) error {
		takeList(fs, "resource", *resources, true, &r.Resources)
		takeMap(fs, "label", *labels, &r.Labels)
		takeList(fs, "account", *accounts, false, &r.Accounts)
		takeList(fs, "group", *groups, true, &r.Groups)
		takeBool(fs, "admin", &r.Admin)
		takeBool(fs, "auditor", &r.Auditor)
		takeBool(fs, "provisioner", &r.Provisioner)
		takeBool(fs, "provisions-admins", &r.ProvisionsAdmins)
		if r.Accounts == nil {
			r.Accounts = []string{}
		}
		return takeConditions(r)
	}
}
