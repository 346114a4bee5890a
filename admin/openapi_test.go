package admin_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin"
)

// routes is the whole API: method, path and who may call it ("anyone", "user", "reader" or "admin").
var routes = []struct{ method, path, level string }{
	{"GET", "/health", "anyone"},
	{"GET", "/ca", "anyone"},
	{"POST", "/sign-in", "anyone"},
	{"GET", "/sign-in/methods", "anyone"},
	{"GET", "/sign-in/oidc", "anyone"},
	{"GET", "/sign-in/oidc/callback", "anyone"},
	{"POST", "/sign-in/client/look", "user"},
	{"POST", "/sign-in/client/approve", "user"},
	{"POST", "/sign-in/client/session", "anyone"},
	{"POST", "/sign-in/client/renew", "anyone"},
	{"POST", "/sign-in/client/end", "anyone"},
	{"POST", "/sign-in/device", "anyone"},
	{"POST", "/sign-in/device/poll", "anyone"},
	{"POST", "/sign-in/workload", "anyone"},
	{"POST", "/sign-out", "user"},
	{"GET", "/me", "user"},
	{"GET", "/me/roles", "user"},
	{"GET", "/me/sessions", "user"},
	{"DELETE", "/me/sessions/{id}", "user"},
	{"GET", "/me/tokens", "user"},
	{"DELETE", "/me/tokens/{id}", "user"},
	{"GET", "/me/passkeys", "user"},
	{"POST", "/me/passkeys/challenge", "user"},
	{"POST", "/me/passkeys", "user"},
	{"PUT", "/me/passkeys/{id}", "user"},
	{"DELETE", "/me/passkeys/{id}", "user"},
	{"POST", "/me/step-up/challenge", "user"},
	{"POST", "/me/step-up", "user"},
	{"POST", "/sign-in/passkey/challenge", "anyone"},
	{"POST", "/sign-in/passkey", "anyone"},
	{"POST", "/sign-in/password", "anyone"},
	{"GET", "/passwords", "reader"},
	{"PUT", "/users/{name}/password", "admin"},
	{"DELETE", "/users/{name}/password", "admin"},
	{"GET", "/users/{name}/passkeys", "reader"},
	{"DELETE", "/users/{name}/passkeys/{id}", "admin"},
	{"GET", "/resources/mine", "user"},
	{"GET", "/resources/{name}/host-keys", "reader"},
	{"DELETE", "/resources/{name}/host-keys/{fingerprint}", "admin"},
	{"GET", "/protocols", "reader"},
	{"GET", "/requests/offers", "user"},
	{"GET", "/users/{name}/access", "reader"},
	{"GET", "/roles/{name}/holders", "reader"},
	{"POST", "/certificates", "user"},
	{"GET", "/users", "reader"},
	{"GET", "/users/{name}", "reader"},
	{"POST", "/users", "admin"},
	{"PUT", "/users/{name}", "admin"},
	{"DELETE", "/users/{name}", "admin"},
	{"POST", "/ca/ssh/{name}/rotate", "admin"},
	{"POST", "/users/{name}/revoke", "admin"},
	{"POST", "/users/{name}/suspend", "admin"},
	{"POST", "/users/{name}/reinstate", "admin"},
	{"GET", "/resources", "reader"},
	{"GET", "/resources/{name}", "reader"},
	{"POST", "/resources", "admin"},
	{"PUT", "/resources/{name}", "admin"},
	{"DELETE", "/resources/{name}", "admin"},
	{"GET", "/roles", "reader"},
	{"GET", "/roles/{name}", "reader"},
	{"POST", "/roles", "admin"},
	{"PUT", "/roles/{name}", "admin"},
	{"DELETE", "/roles/{name}", "admin"},
	{"GET", "/credentials", "reader"},
	{"GET", "/credentials/{name}", "reader"},
	{"POST", "/credentials", "admin"},
	{"PUT", "/credentials/{name}", "admin"},
	{"DELETE", "/credentials/{name}", "admin"},
	{"PUT", "/credentials/{name}/secret", "admin"},
	{"GET", "/me/ssh-keys", "user"},
	{"POST", "/me/ssh-keys", "user"},
	{"DELETE", "/me/ssh-keys/{fingerprint}", "user"},
	{"GET", "/ssh-keys", "reader"},
	{"POST", "/ssh-keys", "admin"},
	{"DELETE", "/ssh-keys/{fingerprint}", "admin"},
	{"GET", "/ca/ssh", "anyone"},
	{"POST", "/certificates/ssh", "user"},
	{"POST", "/sign-in/ssh/look", "user"},
	{"POST", "/sign-in/ssh/approve", "user"},
	{"POST", "/sign-in/ssh/refuse", "user"},
	{"GET", "/tokens", "reader"},
	{"GET", "/tokens/{id}", "reader"},
	{"POST", "/tokens", "admin"},
	{"PUT", "/tokens/{id}", "admin"},
	{"DELETE", "/tokens/{id}", "admin"},
	{"GET", "/groups", "reader"},
	{"GET", "/groups/{name}", "reader"},
	{"GET", "/groups/{name}/members", "reader"},
	{"POST", "/groups", "admin"},
	{"PUT", "/groups/{name}", "admin"},
	{"DELETE", "/groups/{name}", "admin"},
	{"GET", "/policies", "reader"},
	{"GET", "/policies/{name}", "reader"},
	{"POST", "/policies", "admin"},
	{"PUT", "/policies/{name}", "admin"},
	{"DELETE", "/policies/{name}", "admin"},
	{"GET", "/grants", "reader"},
	{"GET", "/grants/{id}", "reader"},
	{"POST", "/grants", "admin"},
	{"PUT", "/grants/{id}", "admin"},
	{"DELETE", "/grants/{id}", "admin"},
	{"GET", "/requests", "user"},
	{"GET", "/requests/{id}", "user"},
	{"POST", "/requests", "user"},
	{"POST", "/access/explain", "reader"},
	{"POST", "/access/test", "reader"},
	{"POST", "/access/simulate", "reader"},
	{"POST", "/requests/{id}/approve", "user"},
	{"POST", "/requests/{id}/deny", "user"},
	{"POST", "/requests/{id}/withdraw", "user"},
	{"GET", "/gateways", "reader"},
	{"GET", "/gateways/status", "reader"},
	{"GET", "/gateways/{name}", "reader"},
	{"POST", "/gateways", "admin"},
	{"PUT", "/gateways/{name}", "admin"},
	{"DELETE", "/gateways/{name}", "admin"},
	{"POST", "/gateways/{name}/join-tokens", "admin"},
	{"GET", "/receipts", "reader"},
	{"GET", "/receipts/key", "anyone"},
	{"GET", "/receipts/{id}", "reader"},
	{"POST", "/sign-in/links", "admin"},
	{"GET", "/sessions", "reader"},
	{"GET", "/recordings", "reader"},
	{"GET", "/recordings/search", "reader"},
	{"GET", "/recordings/{statement}", "reader"},
	{"GET", "/recordings/{statement}/part", "reader"},
	{"GET", "/recordings/{statement}/input", "reader"},
	{"GET", "/recordings/{statement}/find", "reader"},
	{"GET", "/recordings/{statement}/live", "reader"},
	{"DELETE", "/sessions/{id}", "admin"},
	{"GET", "/audit/events", "reader"},
	{"GET", "/audit/events/{id}", "reader"},
	{"GET", "/audit/events/{id}/proof", "reader"},
	{"GET", "/audit/histogram", "reader"},
	{"GET", "/audit/top", "reader"},
	{"GET", "/audit/count", "reader"},
	{"GET", "/audit/status", "reader"},
	{"GET", "/audit/export", "reader"},
	{"POST", "/audit/key/rotate", "admin"},
	{"GET", "/audit/tail", "reader"},
}

// document is the part of OpenAPI 3.1 that the test looks at.
type document struct {
	OpenAPI string
	Servers []struct{ URL string }
	Paths   map[string]map[string]struct {
		OperationID, Description string
		Parameters               []struct{ Name, In string }
		Summary                  string
		Security                 []map[string][]string
		Responses                map[string]any
	}
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]any
	}
}

func TestOpenAPIDocument(t *testing.T) {
	p := newPlane(t)
	body := p.must(who{}, "GET", "/openapi.json", nil, 200)
	var doc document
	body.decode(t, &doc)
	if alone, err := admin.OpenAPI(); err != nil || !bytes.Equal(alone, body.body) {
		t.Errorf("the document made without a server differs: %v", err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Servers) != 1 || doc.Servers[0].URL != "/api/v1" {
		t.Errorf("version %q, servers %v", doc.OpenAPI, doc.Servers)
	}

	var got, want []string
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			got = append(got, strings.ToUpper(method)+" "+path)
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Responses) == 0 {
				t.Errorf("%s %s: operation ID %q, summary %q, responses %v", method, path, op.OperationID, op.Summary, op.Responses)
			}
			ids[op.OperationID] = true
			for _, part := range strings.Split(path, "/") {
				name, inPath := strings.CutPrefix(part, "{")
				name = strings.TrimSuffix(name, "}")
				if inPath && !slices.Contains(op.Parameters, struct{ Name, In string }{name, "path"}) {
					t.Errorf("%s %s: parameter %s is not read", method, path, name)
				}
			}
			if method == "get" && strings.HasPrefix(op.OperationID, "list-") && !strings.Contains(op.Description, "in one page") && len(op.Parameters) < 2 {
				t.Errorf("%s %s: no paging: %v", method, path, op.Parameters)
			}
		}
	}
	for _, r := range routes {
		want = append(want, r.method+" "+r.path)
		op := doc.Paths[r.path][strings.ToLower(r.method)]
		if (len(op.Security) == 0) != (r.level == "anyone") {
			t.Errorf("%s %s: security %v, level %s", r.method, r.path, op.Security, r.level)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the document has\n%s\nthe API is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	checkReferences(t, body.body, doc)
	for _, name := range []string{"User", "Resource", "Role", "Credential", "Token", "LiveSession", "Event", "Page", "Histogram", "Top", "Count", "AuditStatus", "Proof", "Me", "Problem"} {
		if _, ok := doc.Components.Schemas[name]; !ok {
			t.Errorf("no schema %s", name)
		}
	}
	if strings.Contains(string(body.body), `["array","null"]`) {
		t.Error("a list may be null")
	}
}

// checkReferences follows every $ref to its schema.
func checkReferences(t *testing.T, raw []byte, doc document) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name, local := strings.CutPrefix(ref, "#/components/schemas/")
				if _, known := doc.Components.Schemas[name]; !local || !known {
					t.Errorf("reference to nothing: %s", ref)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	var all any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	walk(all)
}
