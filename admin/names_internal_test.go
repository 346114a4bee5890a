package admin

import (
	"testing"

	"github.com/sallyport/sallyport/access"
)

func TestUserNamed(t *testing.T) {
	users := map[string]access.User{}
	for _, name := range []string{"Alice@acme.com", "eve@acme.com", "EVE@acme.com"} {
		users[name] = access.User{Name: name}
	}
	s := &snapshot{Snapshot: &access.Snapshot{Users: users}}
	for _, tt := range []struct {
		name, want string
		refused    bool
	}{
		{"Alice@acme.com", "Alice@acme.com", false},
		{"alice@ACME.com", "Alice@acme.com", false},
		{"alice@acme.com.", "", false},
		{"eve@acme.com", "", true}, // though one is written so: lower case may be the asker's
		{"Eve@acme.com", "", true},
	} {
		u, exists, err := s.userNamed(tt.name)
		if u.Name != tt.want || exists != (tt.want != "") || (err != nil) != tt.refused {
			t.Errorf("%s: %q, %v, %v", tt.name, u.Name, exists, err)
		}
	}
}
