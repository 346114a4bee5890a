package admin_test

import (
	"slices"
	"testing"
)

func TestGroupMembers(t *testing.T) {
	d := newDesk(t)
	d.must(d.root, "POST", "/groups", object{"name": "eng"}, 201)
	var m struct {
		Known          bool
		Members, Roles []string
	}
	d.must(d.root, "GET", "/groups/eng/members", nil, 200).decode(t, &m)
	if !m.Known || !slices.Equal(m.Members, []string{"bob", "dora"}) || !slices.Equal(m.Roles, []string{"readers", "writers"}) {
		t.Errorf("%+v", m)
	}
	d.must(d.root, "GET", "/groups/none/members", nil, 404)
}
