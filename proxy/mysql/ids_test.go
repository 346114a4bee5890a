package mysql

import "testing"

func TestOwnSessions(t *testing.T) {
	i := newIDs()
	a, b := i.fresh(), i.fresh()
	if a == b || a < firstID || a > lastID || b < firstID || b > lastID {
		t.Fatalf("greeted with %d and %d", a, b)
	}
	leave := i.enter(a, greeted{user: "alice", store: "db:3306", id: 17})
	for name, c := range map[string]struct {
		id           uint32
		user, store  string
		own, foreign bool
	}{
		"her own":               {id: a, user: "alice", store: "db:3306", own: true},
		"another's":             {id: a, user: "bob", store: "db:3306", foreign: true},
		"hers at another store": {id: a, user: "alice", store: "other:3306", foreign: true},
		"nobody's":              {id: b, user: "alice", store: "db:3306"},
		"the store's own":       {id: 17, user: "alice", store: "db:3306"},
	} {
		id, own, foreign := i.own(c.id, c.user, c.store)
		if own != c.own || foreign != c.foreign || own && id != 17 {
			t.Errorf("%s: %d, own %t, foreign %t", name, id, own, foreign)
		}
	}
	leave()
	if _, own, foreign := i.own(a, "alice", "db:3306"); own || foreign {
		t.Error("a session that has ended")
	}
}

func TestIDsComeRound(t *testing.T) {
	i := newIDs()
	i.next = lastID - 1
	leave := i.enter(firstID, greeted{})
	defer leave()
	if a, b := i.fresh(), i.fresh(); a != lastID || b != firstID+1 {
		t.Errorf("greeted with %d and %d", a, b)
	}
}
