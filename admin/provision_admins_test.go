package admin_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
)

// A directory's token was stolen, by somebody who has a user here. Nothing that they push makes them an admin, or lets them
// sign in as one; what puts admins out still works.
func TestDirectoryMakesNoAdmins(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/roles", object{"name": "operators", "admin": true, "accounts": []string{}, "groups": []string{"sre"}}, 201)
	d := newDirectory(p, root)
	person := func(name, more string) string {
		return `{"userName": "` + name + `", "emails": [{"value": "` + name + `", "primary": true}], "active": true` + more + `}`
	}
	mallory := d.must(201, "POST", "/Users", person("mallory@acme.com", ""))["id"].(string)
	carol := d.must(201, "POST", "/Users", person("carol@acme.com", ""))["id"].(string)
	p.must(root, "PUT", "/users/carol@acme.com", object{"name": "carol@acme.com", "email": "carol@acme.com", "groups": []string{"sre"}}, 200)
	member := `"members": [{"value": "` + mallory + `"}]`

	refused := func(what, method, path, body string) {
		t.Helper()
		r := d.call(method, path, body)
		if r.StatusCode != 403 || !strings.Contains(string(r.body), "--provisions-admins") {
			t.Errorf("%s: %d %s", what, r.StatusCode, r.body)
		}
	}
	refused("a group that gives admin rights", "POST", "/Groups", `{"displayName": "sre", `+member+`}`)
	refused("the same without members", "POST", "/Groups", `{"displayName": "sre"}`)
	gid := d.must(201, "POST", "/Groups", `{"displayName": "harmless", `+member+`}`)["id"].(string)
	refused("a group renamed", "PUT", "/Groups/"+gid, `{"displayName": "sre", `+member+`}`)
	refused("the same by a patch", "PATCH", "/Groups/"+gid, `{"Operations": [{"op": "replace", "path": "displayName", "value": "sre"}]}`)
	refused("the first admin taken over", "POST", "/Users", person("admin", ""))
	refused("the same to suspend them", "POST", "/Users", strings.Replace(person("admin", ""), "true}", "false}", 1))
	refused("an admin's address", "PATCH", "/Users/"+carol, `{"Operations": [{"op": "replace", "path": "emails", "value": [{"value": "mallory@acme.com", "primary": true}]}]}`)
	var u access.User
	if p.must(root, "GET", "/users/mallory@acme.com", nil, 200).decode(t, &u); strings.Contains(strings.Join(u.Groups, " "), "sre") {
		t.Errorf("mallory is in %q", u.Groups)
	}
	p.must(who{token: p.issue(root, "mallory@acme.com")}, "GET", "/users", nil, 403)

	// Admins leave the company too.
	d.must(200, "PATCH", "/Users/"+carol, `{"Operations": [{"op": "replace", "value": {"active": false}}]}`)
	if p.must(root, "GET", "/users/carol@acme.com", nil, 200).decode(t, &u); !u.Suspended {
		t.Error("an admin who left is not suspended")
	}
	refused("a suspended admin let in again", "PATCH", "/Users/"+carol, `{"Operations": [{"op": "replace", "value": {"active": true}}]}`)
	if p.must(root, "GET", "/users/carol@acme.com", nil, 200).decode(t, &u); !u.Suspended {
		t.Error("the directory let a suspended admin in")
	}

	p.must(root, "PUT", "/roles/provisioners", object{"name": "provisioners", "provisioner": true, "provisions_admins": true, "accounts": []string{}}, 200)
	d.must(200, "PUT", "/Groups/"+gid, `{"displayName": "sre", `+member+`}`)
	p.must(who{token: p.issue(root, "mallory@acme.com")}, "GET", "/users", nil, 200)

	// What the directory gave it may take, whatever it is allowed since.
	p.must(root, "PUT", "/roles/provisioners", object{"name": "provisioners", "provisioner": true, "accounts": []string{}}, 200)
	d.must(200, "PUT", "/Groups/"+gid, `{"displayName": "sre", "members": []}`)
	p.must(who{token: p.issue(root, "mallory@acme.com")}, "GET", "/users", nil, 403)
}

// To be able to make admins is as good as being one: the directory gives that to nobody either.
func TestDirectoryMakesNobodyWhoMakesAdmins(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/roles", object{"name": "identity", "provisioner": true, "provisions_admins": true, "accounts": []string{}, "groups": []string{"iam"}}, 201)
	d := newDirectory(p, root)
	p.must(root, "POST", "/users", object{"name": "carol@acme.com", "email": "carol@acme.com", "roles": []string{"identity"}}, 201)
	mallory := d.must(201, "POST", "/Users", `{"userName": "mallory@acme.com"}`)["id"].(string)
	gid := d.must(201, "POST", "/Groups", `{"displayName": "harmless", "members": [{"value": "`+mallory+`"}]}`)["id"].(string)
	for what, r := range map[string]reply{
		"a group that gives it": d.call("POST", "/Groups", `{"displayName": "iam", "members": [{"value": "`+mallory+`"}]}`),
		"a group renamed":       d.call("PUT", "/Groups/"+gid, `{"displayName": "iam"}`),
		"who has it taken over": d.call("POST", "/Users", `{"userName": "carol@acme.com", "emails": [{"value": "mallory@acme.com", "primary": true}]}`),
	} {
		if r.StatusCode != 403 || !strings.Contains(string(r.body), "--provisions-admins") {
			t.Errorf("%s: %d %s", what, r.StatusCode, r.body)
		}
	}
}

// Names that people would take for one another's are one name, whoever brings them.
func TestNamesThatCouldBeTakenForOthers(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	d := newDirectory(p, root)
	d.must(201, "POST", "/Users", `{"userName": "alice@acme.com"}`)
	for _, name := range []string{"Alice@acme.com", "alice@ACME.com", "alice@acme.com.", "ADMIN", "admin..", "Okta"} {
		p.must(root, "POST", "/users", object{"name": name}, 409)
		p.must(root, "PUT", "/users/"+name, object{"name": name}, 409)
		if r := d.call("POST", "/Users", `{"userName": "`+name+`"}`); strings.EqualFold(name, "admin") && r.StatusCode != 403 ||
			!strings.EqualFold(name, "admin") && r.StatusCode != 409 {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
	for _, name := range []string{"аlice@acme.com", "alice@acme.com ", " alice@acme.com", "alice@acme.com\u200b", "alice@acme.com\r\nX: y", "../alice", "local:0", "gateway:gw-1", ""} {
		p.must(root, "POST", "/users", object{"name": name}, 422)
		d.must(400, "POST", "/Users", string(encode(t, object{"userName": name})))
	}
	p.must(root, "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com", "title": "Alice"}, 200)
}
