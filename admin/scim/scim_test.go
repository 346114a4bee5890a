package scim

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jensen is RFC 7643's example of a user, shortened.
const jensen = `{"userName": "bjensen@example.com", "externalId": "701984", "active": true, "title": "Tour Guide",
	"name": {"givenName": "Barbara", "familyName": "Jensen"}, "age": 42,
	"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours"}}`

func document(t testing.TB, text string) Document {
	t.Helper()
	var d Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFilter(t *testing.T) {
	d := document(t, jensen)
	for text, want := range map[string]bool{
		``:                                  true,
		`userName eq "bjensen@example.com"`: true,
		`USERNAME Eq "BJensen@example.com"`: true,
		`userName eq "bjensen"`:             false,
		`userName sw "bjen"`:                true,
		`userName ew ".com"`:                true,
		`userName co "jensen@"`:             true,
		`userName ne "x"`:                   true,
		`nickName ne "x"`:                   true,
		`title pr`:                          true,
		`nickName pr`:                       false,
		`active eq true`:                    true,
		`active eq "True"`:                  true,
		`active eq false`:                   false,
		`age gt 41`:                         true,
		`age le 41`:                         false,
		`name.familyName eq "jensen"`:       true,
		`emails eq "babs@jensen.org"`:       true,
		`emails.type eq "home"`:             true,
		`emails.type ne "home"`:             false,
		`emails[type eq "work" and value co "@example.com"]`:                    true,
		`emails[type eq "home" and value co "@example.com"]`:                    false,
		`title eq "Tour Guide" and (active eq false or externalId eq "701984")`: true,
		`not (active eq true)`: false,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "bj"`:                      true,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "tours"`: true,
	} {
		e, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := matches(e, d); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{"userName", "userName eq", `userName is "x"`, `(userName eq "x"`, "and"} {
		if _, err := parseFilter(text); err == nil {
			t.Errorf("%s was understood", text)
		}
	}
}

func TestPatch(t *testing.T) {
	const group = `{"displayName": "eng", "members": [{"value": "1", "display": "a"}, {"value": "2"}]}`
	tests := []struct{ name, start, operations, want string }{
		{"a value without a path, as Okta sends it", `{"userName": "a", "active": true}`,
			`[{"op": "replace", "value": {"active": false}}]`, `{"userName": "a", "active": false}`},
		{"words in capitals and truth as text, as Entra sends them", `{"userName": "a", "active": true}`,
			`[{"op": "Replace", "path": "active", "value": "False"}]`, `{"userName": "a", "active": "False"}`},
		{"a path as a member's name", `{"userName": "a"}`,
			`[{"op": "Add", "value": {"name.givenName": "A", "emails[type eq \"work\"].value": "a@b"}}]`,
			`{"userName": "a", "name": {"givenName": "A"}, "emails": [{"type": "work", "value": "a@b"}]}`},
		{"a value that a filter finds", jensen, `[{"op": "replace", "path": "emails[type eq \"home\"].value", "value": "new@jensen.org"},
			{"op": "remove", "path": "age"}, {"op": "remove", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}]`,
			`{"userName": "bjensen@example.com", "externalId": "701984", "active": true, "title": "Tour Guide",
			"name": {"givenName": "Barbara", "familyName": "Jensen"},
			"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "new@jensen.org", "type": "home"}],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {}}`},
		{"members are added once", group, `[{"op": "add", "path": "members", "value": [{"value": "2"}, {"value": "3"}]}]`,
			`{"displayName": "eng", "members": [{"value": "1", "display": "a"}, {"value": "2"}, {"value": "3"}]}`},
		{"a member goes, by a filter", group, `[{"op": "remove", "path": "members[value eq \"1\"]"}]`,
			`{"displayName": "eng", "members": [{"value": "2"}]}`},
		{"members go, by a value", group, `[{"op": "Remove", "path": "members", "value": [{"value": "1"}]}]`,
			`{"displayName": "eng", "members": [{"value": "2"}]}`},
		{"all members go", group, `[{"op": "remove", "path": "members"}]`, `{"displayName": "eng"}`},
		{"members are replaced", group, `[{"op": "replace", "path": "members", "value": [{"value": "9"}]}]`,
			`{"displayName": "eng", "members": [{"value": "9"}]}`},
		{"what only the server sets is passed over", group, `[{"op": "replace", "value": {"id": "x", "displayName": "ops"}}]`,
			`{"displayName": "ops", "members": [{"value": "1", "display": "a"}, {"value": "2"}]}`},
		{"an extension", `{"userName": "a"}`,
			`[{"op": "add", "value": {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "d"}}}]`,
			`{"userName": "a", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "d"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start, present := document(t, tt.start), document(t, tt.start)
			var p patchRequest
			if err := json.Unmarshal([]byte(`{"Operations": `+tt.operations+`}`), &p); err != nil {
				t.Fatal(err)
			}
			got := clone(present)
			if err := p.apply(got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(document(t, tt.want), got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(start, present); diff != "" {
				t.Errorf("the present document was changed: %s", diff)
			}
		})
	}
	for operations, want := range map[string]string{
		`[]`: "invalidSyntax", `[{"op": "move", "path": "a"}]`: "invalidSyntax", `[{"op": "remove"}]`: "noTarget",
		`[{"op": "add", "value": 1}]`: "invalidValue", `[{"op": "replace", "path": "a[", "value": 1}]`: "invalidPath",
		`[{"op": "replace", "path": "id", "value": "x"}]`:                    "mutability",
		`[{"op": "replace", "path": "userName.x", "value": 1}]`:              "invalidPath",
		`[{"op": "replace", "path": "emails[value pr].type", "value": "x"}]`: "noTarget",
	} {
		var p patchRequest
		if err := json.Unmarshal([]byte(`{"Operations": `+operations+`}`), &p); err != nil {
			t.Fatal(err)
		}
		var err *Error
		if !errors.As(p.apply(document(t, `{"userName": "a"}`)), &err) || err.Type != want {
			t.Errorf("%s: %v, want %s", operations, err, want)
		}
	}
}

func TestSelection(t *testing.T) {
	for _, tt := range []struct {
		only, without, name string
		want                bool
	}{
		{"", "", "members", true}, {"userName,name.givenName", "", "NAME", true}, {"userName", "", "emails", false},
		{"", "members", "members", false}, {"", "Members, x", "displayName", true},
		{"urn:ietf:params:scim:schemas:core:2.0:User:userName", "", "userName", true},
	} {
		if got := newSelection(tt.only, tt.without).shows(tt.name); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// FuzzPatch: whatever a directory sends, nothing panics, and the present document stays as it was.
func FuzzPatch(f *testing.F) {
	f.Add(jensen, `{"Operations": [{"op": "replace", "path": "emails[type eq \"home\"].value", "value": "x"}]}`, `emails[type eq "work"]`)
	f.Add(`{"members": [{"value": "1"}]}`, `{"Operations": [{"op": "Remove", "path": "members", "value": [{"value": "1"}]}]}`, `not (a pr)`)
	f.Fuzz(func(t *testing.T, start, patch, filter string) {
		var present Document
		var p patchRequest
		if json.Unmarshal([]byte(start), &present) != nil || present == nil || json.Unmarshal([]byte(patch), &p) != nil {
			return
		}
		before := document(t, start)
		next := clone(present)
		_ = p.apply(next)
		if diff := cmp.Diff(before, present); diff != "" {
			t.Fatalf("the present document was changed: %s", diff)
		}
		if e, err := parseFilter(filter); err == nil {
			_ = matches(e, next)
		}
		_, _, _ = next.Members(), next.Primary("emails"), next.Active()
	})
}
