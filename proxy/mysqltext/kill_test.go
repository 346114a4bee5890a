package mysqltext

import "testing"

func TestKill(t *testing.T) {
	for _, one := range []struct {
		sql   string
		id    uint64
		start int
		query bool
		ok    bool
	}{
		{"KILL 5", 5, 5, false, true}, {"kill connection 42;", 42, 16, false, true}, {"KILL QUERY 42", 42, 11, true, true},
		{"kill hard query 7", 7, 16, true, true}, {"KILL SOFT CONNECTION 7 ;;", 7, 21, false, true}, {"kill soft 7", 7, 10, false, true},
		{" /* x */ kill/**/query -- y\n 18446744073709551615", 18446744073709551615, 29, true, true}, {"/*!40101 kill 5 */", 5, 14, false, true},
		{"kill 18446744073709551616", 0, 0, false, false}, {"kill 99999999999999999999", 0, 0, false, false}, {"kill", 0, 0, false, false},
		{"kill query id 5", 0, 0, false, false}, {"kill user 'u'", 0, 0, false, false}, {"kill 5; select 1", 0, 0, false, false}, {"kill 5 5", 0, 0, false, false},
		{"select 1; kill 5", 0, 0, false, false}, {"kill 0x5", 0, 0, false, false}, {"kill 5e0", 0, 0, false, false}, {"kill 5.0", 0, 0, false, false},
		{"kill -5", 0, 0, false, false}, {"kill ?", 0, 0, false, false}, {"kill '5'", 0, 0, false, false}, {"kill @x", 0, 0, false, false},
		{"kill (5)", 0, 0, false, false}, {"kill 5a", 0, 0, false, false}, {"kill 5 /*!99999 6 */", 0, 0, false, false}, {"/*!99999 select */ kill 5", 0, 0, false, false},
		{"kill /*!99999 5 -- */ 6", 0, 0, false, false}, {"kill connection_id()", 0, 0, false, false}, {"kill 5 /*! */", 5, 5, false, true}, {"kill 5 /*!", 0, 0, false, false},
	} {
		kill, ok := Kill([]byte(one.sql))
		if ok != one.ok || ok && (kill.ID != one.id || kill.Start != one.start || kill.Query != one.query) {
			t.Errorf("%q: %+v, %v", one.sql, kill, ok)
		}
	}
}
