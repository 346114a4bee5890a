package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

// TestStaleChangesAreRefused replaces objects only as long as they are what the change was made of.
func TestStaleChangesAreRefused(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	role := object{"name": "readers", "accounts": []string{"app"}, "resources": []string{"*"}}
	p.must(root, "POST", "/roles", role, 201)
	put := func(match string, role object, status int) reply {
		t.Helper()
		by := who{token: root.token, header: http.Header{}}
		if match != "" {
			by.header.Set("If-Match", match)
		}
		return p.must(by, "PUT", "/roles/readers", role, status)
	}
	first := p.must(root, "GET", "/roles/readers", nil, 200).Header.Get("ETag")
	var all struct {
		Items     []struct{ Name string }
		Revisions []string
	}
	p.must(root, "GET", "/roles", nil, 200).decode(t, &all)
	for i, item := range all.Items {
		if item.Name == "readers" && all.Revisions[i] != first {
			t.Errorf("the list says %s, the object %s", all.Revisions[i], first)
		}
	}
	second := put(first, object{"name": "readers", "accounts": []string{"app", "reports"}, "resources": []string{"*"}}, 200).Header.Get("ETag")
	if second == first || second == "" {
		t.Errorf("after a change it is %s, before %s", second, first)
	}
	if d := put(first, role, 412).detail(t); !strings.Contains(d, "changed meanwhile") || !strings.Contains(d, "read it again") {
		t.Error(d)
	}
	if got := p.must(root, "GET", "/roles/readers", nil, 200).Header.Get("ETag"); got != second {
		t.Errorf("a stale change was made: %s", got)
	}
	put("*", role, 200)
	put("", role, 200)
	p.must(root, "DELETE", "/roles/readers", nil, 204)
	if d := put(second, role, 412).detail(t); !strings.Contains(d, "removed meanwhile") {
		t.Error(d)
	}
}

// TestHostKeysAreTold lists by which keys a server is known, who gave them, and which was learned; a change from before one was learned
// does not lose it.
func TestHostKeysAreTold(t *testing.T) {
	x := newRecorded(t, func(c *admin.Config) { c.Now = time.Now })
	root := x.start()
	x.directory.SetControl(x.service)
	_, given := publicSSHKey(t)
	key, learned := publicSSHKey(t)
	web := func(name string, s object) object {
		return object{"name": name, "protocol": "ssh", "address": name + ":22", "accounts": object{}, "ssh": s}
	}
	x.must(root, "POST", "/resources", web("web-1", object{}), 201)
	x.must(root, "POST", "/resources", web("web-2", object{"host_keys": []string{given}}), 201)
	if err := x.directory.PinHostKey(t.Context(), "web-1", "session-1", learned); err != nil {
		t.Fatal(err)
	}
	x.must(root, "PUT", "/resources/web-1", web("web-1", object{"record_input": true}), 200) // made before the key was learned
	type told struct {
		Items []struct {
			Fingerprint, Type, How, By, Session string
			At                                  time.Time
		}
	}
	keys := func(name string) (k told) {
		t.Helper()
		x.must(root, "GET", "/resources/"+name+"/host-keys", nil, 200).decode(t, &k)
		return k
	}
	k := keys("web-1")
	if len(k.Items) != 1 || k.Items[0].How != "learned" || !strings.HasPrefix(k.Items[0].By, "gateway:") || k.Items[0].Session != "session-1" ||
		k.Items[0].Fingerprint != ssh.FingerprintSHA256(key) || k.Items[0].At.IsZero() {
		t.Errorf("web-1: %+v", k)
	}
	if k := keys("web-2"); len(k.Items) != 1 || k.Items[0].How != "given" || k.Items[0].By != "admin" || k.Items[0].Type != "ssh-ed25519" {
		t.Errorf("web-2: %+v", k)
	}
	x.must(root, "PUT", "/resources/web-1", web("web-1", object{"host_keys": []string{}}), 200)
	if k := keys("web-1"); len(k.Items) != 0 {
		t.Errorf("after they were forgotten: %+v", k)
	}
	x.must(root, "GET", "/resources/nothing/host-keys", nil, 404)
}

// TestOneHostKeyIsForgotten takes away the one that is named, on the record, and no authority; then another one may be learned.
func TestOneHostKeyIsForgotten(t *testing.T) {
	x := newRecorded(t, func(c *admin.Config) { c.Now = time.Now })
	root := x.start()
	x.directory.SetControl(x.service)
	first, firstLine := publicSSHKey(t)
	_, second := publicSSHKey(t)
	authority, authorityLine := publicSSHKey(t)
	x.must(root, "POST", "/resources", object{"name": "web-1", "protocol": "ssh", "address": "web-1:22", "accounts": object{}, "ssh": object{}}, 201)
	if err := x.directory.PinHostKey(t.Context(), "web-1", "session-1", firstLine); err != nil {
		t.Fatal(err)
	}
	forget := func(name string, key ssh.PublicKey, status int) {
		t.Helper()
		x.must(root, "DELETE", "/resources/"+name+"/host-keys/"+url.PathEscape(ssh.FingerprintSHA256(key)), nil, status)
	}
	known := func() access.SSH {
		t.Helper()
		var r access.Resource
		x.must(root, "GET", "/resources/web-1", nil, 200).decode(t, &r)
		if r.SSH == nil {
			return access.SSH{}
		}
		return *r.SSH
	}
	forget("web-1", authority, 404)
	forget("nothing", first, 404)
	if k := known(); len(k.HostKeys) != 1 {
		t.Fatalf("before: %+v", k)
	}
	forget("web-1", first, 204)
	if k := known(); len(k.HostKeys) != 0 {
		t.Errorf("after: %+v", k)
	}
	var acts struct {
		Rows []struct{ User, Before, After string }
	}
	x.must(root, "GET", "/audit/events?q="+url.QueryEscape("action:resources.forget-host-key target:web-1"), nil, 200).decode(t, &acts)
	if len(acts.Rows) != 1 || acts.Rows[0].User != "admin" || !strings.Contains(acts.Rows[0].Before, firstLine) {
		t.Errorf("the record has %+v", acts)
	}
	forget("web-1", first, 404)
	if err := x.directory.PinHostKey(t.Context(), "web-1", "session-2", second); err != nil {
		t.Errorf("another key cannot be learned: %v", err)
	}
	x.must(root, "PUT", "/resources/web-1", object{"name": "web-1", "protocol": "ssh", "address": "web-1:22", "accounts": object{},
		"ssh": object{"host_keys": []string{firstLine, second}, "host_cas": []string{authorityLine}}}, 200)
	forget("web-1", authority, 404)
	forget("web-1", first, 204)
	if k := known(); len(k.HostKeys) != 1 || k.HostKeys[0] != second || len(k.HostCAs) != 1 {
		t.Errorf("of two, and an authority: %+v", k)
	}
}
