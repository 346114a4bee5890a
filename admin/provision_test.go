package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/store"
)

// directory pushes to a control plane by SCIM.
type directory struct {
	p     *plane
	token string
}

// newDirectory gives a directory its own service account.
func newDirectory(p *plane, root who) *directory {
	p.t.Helper()
	p.must(root, "POST", "/roles", object{"name": "provisioners", "provisioner": true, "accounts": []string{}}, 201)
	p.must(root, "POST", "/users", object{"name": "okta", "kind": "service_account", "roles": []string{"provisioners"}}, 201)
	return &directory{p: p, token: p.issue(root, "okta")}
}

// call sends a request as directories do; headers are names and values.
func (d *directory) call(method, path string, body string, headers ...string) reply {
	d.p.t.Helper()
	req, err := http.NewRequestWithContext(d.p.t.Context(), method, d.p.server.URL+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		d.p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+d.token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := d.p.server.Client().Do(req)
	if err != nil {
		d.p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.p.t.Fatal(err)
	}
	if len(b) > 0 && res.Header.Get("Content-Type") != "application/scim+json" {
		d.p.t.Errorf("%s %s: content type %q", method, path, res.Header.Get("Content-Type"))
	}
	return reply{Response: res, body: b}
}

func (d *directory) must(status int, method, path, body string, headers ...string) object {
	d.p.t.Helper()
	r := d.call(method, path, body, headers...)
	if r.StatusCode != status {
		d.p.t.Fatalf("%s %s: %d, want %d: %s", method, path, r.StatusCode, status, r.body)
	}
	out := object{}
	if len(r.body) > 0 {
		r.decode(d.p.t, &out)
	}
	return out
}

func (d *directory) find(filter string) []any {
	d.p.t.Helper()
	found := d.must(200, "GET", "/Users?filter="+strings.ReplaceAll(strings.ReplaceAll(filter, " ", "%20"), `"`, "%22"), "")
	list, _ := found["Resources"].([]any)
	if int(found["totalResults"].(float64)) != len(list) {
		d.p.t.Errorf("%s: %v", filter, found)
	}
	return list
}

const aliceSCIM = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "alice@acme.com", "externalId": "00u1",
	"name": {"givenName": "Alice", "familyName": "Jones"}, "emails": [{"primary": true, "value": "alice@acme.com", "type": "work"}],
	"displayName": "Alice Jones", "groups": [], "password": "not-to-be-kept", "active": true}`

// TestOktaOnboardsAndOffboards makes the requests that Okta makes.
func TestOktaOnboardsAndOffboards(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "DELETE", "/users/alice@acme.com", nil, 204)
	d := newDirectory(p, root)

	if found := d.find(`userName eq "alice@acme.com"`); len(found) != 0 {
		t.Fatalf("found before it was pushed: %v", found)
	}
	user := d.must(201, "POST", "/Users", aliceSCIM)
	id, _ := user["id"].(string)
	if id == "" || user["active"] != true || user["password"] != nil || user["meta"].(object)["version"] != `W/"1"` {
		t.Errorf("created: %v", user)
	}
	var u access.User
	p.must(root, "GET", "/users/alice@acme.com", nil, 200).decode(t, &u)
	if u.Title != "Alice Jones" || u.Email != "alice@acme.com" || u.Source != "scim" || u.Suspended {
		t.Errorf("user %+v", u)
	}
	d.must(409, "POST", "/Users", aliceSCIM)
	d.must(409, "POST", "/Users", strings.ReplaceAll(aliceSCIM, "alice@acme.com", "ALICE@acme.com"))

	group := d.must(201, "POST", "/Groups", `{"displayName": "eng", "members": [{"value": "`+id+`", "display": "alice@acme.com"}]}`)
	token := p.issue(root, "alice@acme.com")
	identity, err := p.directory.IdentifyToken(t.Context(), "alice@acme.com", access.TokenProof{Token: token})
	if err != nil || !slices.Equal(identity.Groups, []string{"eng"}) {
		t.Fatalf("%+v, %v", identity, err)
	}
	p.gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}

	gid := group["id"].(string)
	d.must(200, "PATCH", "/Groups/"+gid, `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [{"op": "remove", "path": "members[value eq \"`+id+`\"]"}]}`)
	if len(p.gateway.open) != 0 || !strings.Contains(p.gateway.said[0], "s1: ") {
		t.Errorf("a session outlived the membership that it stood on: %v", p.gateway.said)
	}
	d.must(200, "PUT", "/Groups/"+gid, `{"displayName": "eng", "members": [{"value": "`+id+`"}]}`)
	p.gateway.open = []access.LiveSession{{ID: "s2", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}

	off := d.must(200, "PATCH", "/Users/"+id, `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [{"op": "replace", "value": {"active": false}}]}`)
	if off["active"] != false || len(p.gateway.open) != 0 || causeOf(p.identify("alice@acme.com", token)) != access.Suspended {
		t.Errorf("active=false: %v, sessions %v", off, p.gateway.open)
	}
	d.must(200, "PATCH", "/Users/"+id, `{"Operations": [{"op": "replace", "value": {"active": true}}]}`)
	if err := p.identify("alice@acme.com", token); err != nil {
		t.Errorf("active again: %v", err)
	}

	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	d.must(200, "PATCH", "/Users/"+id, `{"Operations": [{"op": "replace", "path": "title", "value": "CTO"}]}`)
	if got := causeOf(p.identify("alice@acme.com", token)); got != access.Suspended {
		t.Errorf("the directory lifted an admin's suspension by an unrelated push: %q", got)
	}
	d.must(204, "DELETE", "/Groups/"+gid, "")
	d.must(204, "DELETE", "/Users/"+id, "")
	d.must(404, "GET", "/Users/"+id, "")
	p.must(root, "GET", "/users/alice@acme.com", nil, 404)
}

// TestEntraPushes makes the requests that Entra ID makes.
func TestEntraPushes(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	d := newDirectory(p, root)

	// Alice was added here by hand before: what is pushed under her name is she.
	user := d.must(201, "POST", "/Users", strings.ReplaceAll(aliceSCIM, `"active": true`, `"active": "True"`))
	id := user["id"].(string)
	if found := d.find(`externalId eq "00u1"`); len(found) != 1 {
		t.Errorf("found by external ID: %v", found)
	}
	patched := d.must(200, "PATCH", "/Users/"+id, `{"Operations": [
		{"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "alice.jones@acme.com"},
		{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Shop"},
		{"op": "Replace", "path": "active", "value": "False"}]}`)
	if patched["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(object)["department"] != "Shop" {
		t.Errorf("patched: %v", patched)
	}
	var u access.User
	p.must(root, "GET", "/users/alice@acme.com", nil, 200).decode(t, &u)
	if u.Email != "alice.jones@acme.com" || !u.Suspended || !slices.Equal(u.Groups, []string{"eng"}) {
		t.Errorf("user %+v", u)
	}
	group := d.must(201, "POST", "/Groups", `{"displayName": "data", "externalId": "g1"}`)
	gid := group["id"].(string)
	d.must(200, "PATCH", "/Groups/"+gid, `{"Operations": [{"op": "Add", "path": "members", "value": [{"value": "`+id+`"}]}]}`)
	shown := d.must(200, "GET", "/Groups/"+gid+"?excludedAttributes=members", "")
	if _, there := shown["members"]; there || shown["displayName"] != "data" {
		t.Errorf("without members: %v", shown)
	}
	d.must(200, "PATCH", "/Groups/"+gid, `{"Operations": [{"op": "Replace", "path": "displayName", "value": "analytics"}]}`)
	p.must(root, "GET", "/users/alice@acme.com", nil, 200).decode(t, &u)
	if !slices.Equal(u.Groups, []string{"analytics", "eng"}) {
		t.Errorf("after the group was renamed: %v", u.Groups)
	}
	d.must(200, "PATCH", "/Groups/"+gid, `{"Operations": [{"op": "Remove", "path": "members", "value": [{"value": "`+id+`"}]}]}`)
	p.must(root, "GET", "/users/alice@acme.com", nil, 200).decode(t, &u)
	if !slices.Equal(u.Groups, []string{"eng"}) {
		t.Errorf("after she left: %v; the group that an admin gave must stay", u.Groups)
	}
}

func TestSCIMVersions(t *testing.T) {
	p := newPlane(t)
	d := newDirectory(p, p.start())
	id := d.must(201, "POST", "/Users", aliceSCIM)["id"].(string)
	path := "/Users/" + id
	first := d.call("GET", path, "")
	etag := first.Header.Get("ETag")
	if etag != `W/"1"` || first.Header.Get("Location") == "" {
		t.Errorf("headers %v", first.Header)
	}
	d.must(304, "GET", path, "", "If-None-Match", etag)
	d.must(200, "PATCH", path, `{"Operations": [{"op": "add", "path": "title", "value": "CTO"}]}`, "If-Match", etag)
	d.must(412, "PATCH", path, `{"Operations": [{"op": "add", "path": "title", "value": "CEO"}]}`, "If-Match", etag)
	d.must(412, "DELETE", path, "", "If-Match", etag)
	d.must(200, "PUT", path, strings.Replace(aliceSCIM, `"displayName"`, `"title": "CTO", "displayName"`, 1), "If-Match", `W/"2"`)
	if again := d.call("GET", path, "").Header.Get("ETag"); again != `W/"2"` {
		t.Errorf("the same once more made a version %s", again)
	}
	d.must(204, "DELETE", path, "", "If-Match", `W/"2"`)
}

func TestSCIMRefusals(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	d := newDirectory(p, root)
	id := d.must(201, "POST", "/Users", aliceSCIM)["id"].(string)
	for _, tt := range []struct {
		method, path, body string
		status             int
		scimType           string
	}{
		{"GET", "/Users?filter=userName%20is%20%22a%22", "", 400, "invalidFilter"},
		{"GET", "/Users?count=many", "", 400, "invalidValue"},
		{"POST", "/Users", `{"userName": "bad name"}`, 400, "invalidValue"},
		{"POST", "/Users", `{"displayName": "nobody"}`, 400, "invalidValue"},
		{"POST", "/Users", `{`, 400, "invalidSyntax"},
		{"POST", "/Users", `{"userName": "okta"}`, 409, "uniqueness"},
		{"PUT", "/Users/" + id, `{"userName": "mallory"}`, 400, "mutability"},
		{"PATCH", "/Users/" + id, `{"Operations": [{"op": "remove", "path": "userName"}]}`, 400, "invalidValue"},
		{"POST", "/Groups", `{"displayName": "g", "members": [{"value": "nobody"}]}`, 400, "invalidValue"},
		{"GET", "/Users/none", "", 404, ""}, {"GET", "/Groups/" + id, "", 404, ""}, {"GET", "/Bulk", "", 404, ""},
	} {
		var e struct{ Status, ScimType, Detail string }
		r := d.call(tt.method, tt.path, tt.body)
		r.decode(t, &e)
		if r.StatusCode != tt.status || e.ScimType != tt.scimType || e.Detail == "" {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, r.StatusCode, r.body)
		}
	}
	d.must(200, "GET", "/Users/"+id, "")
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas"} {
		d.must(200, "GET", path, "")
	}

	stranger := &directory{p: p, token: p.issue(root, "admin")} // an admin, whose role does not provision
	stranger.must(403, "GET", "/Users", "")
	(&directory{p: p, token: "sally_x_y"}).must(401, "GET", "/Users", "")
	p.must(root, "POST", "/users", object{"name": "bob", "roles": []string{"provisioners"}}, 201)
	p.linkClient("bob") // who provisions by an access token alone, not by being signed in
	(&directory{p: p, token: bearerOf(secretNamed(0))}).must(403, "GET", "/Users", "")
	(&directory{p: p, token: p.issue(root, "bob")}).must(200, "GET", "/Users", "")
	if r := p.call(who{token: d.token}, "GET", "/users", nil); r.StatusCode != 403 {
		t.Errorf("a directory's token reads the API: %d", r.StatusCode)
	}
}

func TestSCIMPages(t *testing.T) {
	p := newPlane(t)
	d := newDirectory(p, p.start())
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		d.must(201, "POST", "/Users", `{"userName": "`+name+`"}`)
	}
	var names []string
	for _, page := range []string{"startIndex=1&count=2", "startIndex=3&count=2", "startIndex=5&count=2"} {
		found := d.must(200, "GET", "/Users?attributes=userName&"+page, "")
		if found["totalResults"] != 5.0 {
			t.Errorf("%s: %v", page, found)
		}
		for _, r := range found["Resources"].([]any) {
			names = append(names, r.(object)["userName"].(string))
			if _, there := r.(object)["meta"]; there {
				t.Errorf("more than was asked for: %v", r)
			}
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, names); diff != "" {
		t.Error(diff)
	}
	if found := d.must(200, "POST", "/Users/.search", `{"filter": "userName gt \"c\"", "count": 0}`); found["totalResults"] != 2.0 {
		t.Errorf("search: %v", found)
	}
}

// TestSCIMIsOnTheRecord: who pushed what stands in the record, without passwords.
func TestSCIMIsOnTheRecord(t *testing.T) {
	p := newPlane(t)
	d := newDirectory(p, p.start())
	id := d.must(201, "POST", "/Users", aliceSCIM)["id"].(string)
	d.must(201, "POST", "/Groups", `{"displayName": "eng", "members": [{"value": "`+id+`"}]}`)
	var acts []string
	events, _ := p.record.since(0)
	for _, e := range events {
		if e.User == "okta" {
			acts = append(acts, e.Action+" "+e.Target)
		}
		if b, err := json.Marshal(e); err != nil || bytes.Contains(b, []byte("not-to-be-kept")) {
			t.Errorf("a password is on the record: %s %v", b, err)
		}
	}
	if diff := cmp.Diff([]string{"users.create alice@acme.com", "groups.create eng"}, acts); diff != "" {
		t.Error(diff)
	}
}

// Without a record nothing that is pushed is done, and the directory is told to come again.
func TestSCIMWithoutARecord(t *testing.T) {
	p := newPlane(t)
	d := newDirectory(p, p.start())
	p.record.breakDown(true)
	for range 2 {
		if r := d.call("POST", "/Users", aliceSCIM); r.StatusCode != 503 || !strings.Contains(string(r.body), "nothing was done") {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
	}
	p.record.breakDown(false)
	d.must(201, "POST", "/Users", aliceSCIM)
}

// Directories send passwords where their mapping says so. None is kept, whatever form it comes in.
func TestSCIMKeepsNoPassword(t *testing.T) {
	var kept *store.Store
	p := newPlaneWith(t, func(c *admin.Config) { kept = c.Store })
	d := newDirectory(p, p.start())
	id := d.must(201, "POST", "/Users", aliceSCIM)["id"].(string)
	const core = "urn:ietf:params:scim:schemas:core:2.0:User"
	for _, operation := range []string{
		`{"op": "replace", "path": "password", "value": "not-to-be-kept"}`,
		`{"op": "Add", "path": "PassWord", "value": "not-to-be-kept"}`,
		`{"op": "replace", "value": {"Password": "not-to-be-kept"}}`,
		`{"op": "replace", "path": "password.value", "value": "not-to-be-kept"}`,
		`{"op": "replace", "path": "` + core + `:password", "value": "not-to-be-kept"}`,
		`{"op": "replace", "value": {"` + core + `:password": "not-to-be-kept"}}`,
		`{"op": "replace", "value": {"` + core + `": {"password": "not-to-be-kept"}}}`,
		`{"op": "add", "value": {"urn:acme:User": {"PASSWORD": "not-to-be-kept"}}}`,
		`{"op": "add", "path": "logins", "value": [{"type": "pc", "password": "not-to-be-kept"}]}`,
	} {
		r := d.call("PATCH", "/Users/"+id, `{"Operations": [`+operation+`]}`)
		if r.StatusCode != 200 && r.StatusCode != 400 || strings.Contains(string(r.body), "not-to-be-kept") {
			t.Errorf("%s: %d %s", operation, r.StatusCode, r.body)
		}
		d.keepsNone(kept, operation)
	}
	for _, more := range []string{`"PASSWORD": "not-to-be-kept"`, `"` + core + `:password": "not-to-be-kept"`, `"` + core + `": {"password": "not-to-be-kept"}`} {
		d.must(200, "PUT", "/Users/"+id, strings.Replace(aliceSCIM, `"active"`, more+`, "active"`, 1))
		d.keepsNone(kept, more)
	}
}

// keepsNone looks for the password of aliceSCIM in what is kept for the directory, and on the record.
func (d *directory) keepsNone(kept *store.Store, after string) {
	t := d.p.t
	t.Helper()
	objects, err := kept.SCIMObjects(t.Context(), "User")
	if err != nil || len(objects) != 1 {
		t.Fatalf("%v, %v", objects, err)
	}
	events, _ := d.p.record.since(0)
	record, err := json.Marshal(events)
	if err != nil || strings.Contains(objects[0].Attributes+string(record), "not-to-be-kept") {
		t.Errorf("after %s: kept %s (%v)", after, objects[0].Attributes, err)
	}
}
