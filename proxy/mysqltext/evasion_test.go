package mysqltext

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/sallyport/sallyport/proxy/sqltext"
	"github.com/sallyport/sallyport/test/servers"
)

// secret is the one value of vault.secrets.name.
const secret = "tr0ub4dor"

// trick is one attempt to read or change vault.secrets, or to change anything where reads alone are let pass, so that the
// text's facts do not show it.
type trick struct {
	name string
	send []string
	// inert says that MariaDB refuses it, or that nothing comes of it; MySQL or another version may do it.
	inert bool
	// setup is done by an administrator before, and undone after.
	setup []string
	names string // the client's character set
}

// judge runs tricks on a real server and says what they did.
type judge struct {
	t      *testing.T
	server *servers.MariaDB
	root   *client.Conn
	dir    string
}

func newJudge(t *testing.T) *judge {
	j := &judge{t: t, server: servers.StartMariaDB(t)}
	j.dir = filepath.Join(filepath.Dir(j.server.Socket), "out")
	if err := os.Mkdir(j.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(j.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	j.root = j.connect(j.server.Socket, "root", "")
	return j
}

// connect opens a connection that may send several statements at once; it ends with the test.
func (j *judge) connect(address, user, password string) *client.Conn {
	j.t.Helper()
	conn, err := client.Connect(address, user, password, "", func(c *client.Conn) error {
		c.SetCapability(mysql.CLIENT_MULTI_STATEMENTS | mysql.CLIENT_MULTI_RESULTS)
		return nil
	})
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { _ = conn.Quit() })
	return conn
}

func (j *judge) admin(sql ...string) {
	j.t.Helper()
	for _, one := range sql {
		if _, err := j.root.Execute(one); err != nil {
			j.t.Fatalf("%s: %v", one, err)
		}
	}
}

// reset makes the databases anew.
func (j *judge) reset() {
	j.t.Helper()
	j.admin("DROP DATABASE IF EXISTS vault", "DROP DATABASE IF EXISTS shop", "CREATE DATABASE vault", "CREATE DATABASE shop",
		"CREATE TABLE vault.secrets (id INT PRIMARY KEY, name VARCHAR(100)) ENGINE=MyISAM", "INSERT INTO vault.secrets VALUES (1, '"+secret+"')",
		"CREATE TABLE shop.orders (id INT PRIMARY KEY, card VARCHAR(100)) ENGINE=MyISAM", "INSERT INTO shop.orders VALUES (1, 'c1'), (2, 'c2')",
		"CREATE OR REPLACE USER person@'127.0.0.1' IDENTIFIED BY 'p'", "GRANT ALL ON *.* TO person@'127.0.0.1' WITH GRANT OPTION", "SET GLOBAL general_log = 1")
}

// state is what a trick may have changed.
func (j *judge) state() string {
	j.t.Helper()
	var out bytes.Buffer
	for _, one := range []string{"CHECKSUM TABLE vault.secrets, shop.orders", "SELECT @@global.general_log", "SELECT user FROM mysql.user",
		"SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema IN ('vault', 'shop')",
		"SELECT table_name FROM information_schema.tables WHERE table_schema IN ('vault', 'shop')"} {
		show(&out)(j.root.Execute(one))
	}
	return out.String()
}

// show writes results down.
func show(out *bytes.Buffer) func(*mysql.Result, error) {
	return func(r *mysql.Result, err error) {
		if err != nil {
			fmt.Fprintln(out, err)
			return
		}
		if r.Resultset == nil {
			return
		}
		for _, row := range r.Values {
			for _, v := range row {
				fmt.Fprintf(out, "%s ", v.Value())
			}
		}
		out.WriteByte('\n')
	}
}

// run plays a trick as a person and says whether the secret came back and whether anything is otherwise than before.
func (j *judge) run(x *trick) (leaked, changed bool, said string) {
	j.t.Helper()
	before := j.state()
	conn := j.connect(j.server.Addr(), "person", "p")
	if _, err := conn.Execute("USE shop"); err != nil {
		j.t.Fatal(err)
	}
	if x.names != "" {
		if _, err := conn.Execute("SET NAMES " + x.names); err != nil {
			j.t.Fatal(err)
		}
	}
	var seen bytes.Buffer
	for _, sql := range append(slices.Clone(x.send), "SHOW WARNINGS") {
		if _, err := conn.ExecuteMultiple(strings.ReplaceAll(sql, "DIR", j.dir), show(&seen)); errors.Is(err, mysql.ErrBadConn) {
			break
		}
	}
	files, _ := filepath.Glob(j.dir + "/*")
	for _, f := range files {
		data, _ := os.ReadFile(f)
		seen.Write(data)
		_ = os.Remove(f)
		changed = true
	}
	text := seen.String()
	return strings.Contains(text, secret) || strings.Contains(text, reversed(secret)), changed || j.state() != before, text
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// caught says whether the text's facts let a policy see through the trick: one that denies vault.secrets, and one that
// lets reads of what is understood pass alone.
func caught(c *Cache, x *trick) (asTable, asWrite bool) {
	for _, sql := range x.send {
		facts, class := c.Facts([]byte(sql)), c.Class([]byte(sql))
		if class == session || class == tx {
			continue // is let pass, whatever it names
		}
		asTable = asTable || !facts.Understood || slices.ContainsFunc(facts.Tables, func(name string) bool {
			name = strings.ToLower(name)
			return name == "secrets" || name == "vault.secrets"
		})
		asWrite = asWrite || !facts.Understood || sqltext.Stronger(class, sqltext.Read) != sqltext.Read
	}
	return asTable, asWrite
}

// TestEvasion asks a real server what each trick of the corpus does, and then whether the facts show it. The corpus only
// grows.
func TestEvasion(t *testing.T) {
	j := newJudge(t)
	c := NewCache()
	dirty := true
	all := tricks()
	if len(all) < 100 {
		t.Errorf("the corpus has %d tricks", len(all))
	}
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			j := &judge{t: t, server: j.server, root: j.root, dir: j.dir}
			if dirty || len(x.setup) > 0 {
				j.reset()
			}
			if len(x.setup) > 0 {
				j.admin(x.setup...)
			}
			leaked, changed, said := j.run(&x)
			dirty = changed || len(x.setup) > 0
			if !leaked && !changed && !x.inert {
				t.Errorf("does nothing: the server says\n%s", said)
			}
			if (leaked || changed) && x.inert {
				t.Errorf("is not inert: leaked %v, changed %v", leaked, changed)
			}
			asTable, asWrite := caught(c, &x)
			if (leaked || x.inert) && !asTable {
				t.Errorf("reads the secret, and the facts do not tell: %+v", facts(c, &x))
			}
			if changed && !asTable && !asWrite {
				t.Errorf("changes something, and the facts do not tell: %+v", facts(c, &x))
			}
		})
	}
}

func facts(c *Cache, x *trick) string {
	var b strings.Builder
	for _, sql := range x.send {
		fmt.Fprintf(&b, "\n%q: %s %+v", sql, c.Class([]byte(sql)), *c.Facts([]byte(sql)))
	}
	return b.String()
}
