package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// statement is one that alice ran, and what the record must say of it.
type statement struct {
	resource, account string // those at PostgreSQL when empty
	text              string
	rows              int64
	params            []string
	failed            string // SQLSTATE
}

// tell shows the engineer's side, and then security's.
func (w *world) tell(ctx context.Context) error {
	say("\nAlice is an engineer. She uses psql; her password is an access token, and she never sees the database's:")
	for _, s := range []statement{
		{text: "select status, count(*), round(sum(total_cents) / 100, 2) as euros from orders group by status order by status", rows: 4},
		{text: "select c.name, r.amount_cents, r.reason from refunds r join orders o on o.id = r.order_id join customers c on c.id = o.customer_id order by r.id desc limit 5", rows: 5},
		{text: "update orders set status = 'shipped' where id = 12", rows: 1},
		{text: "delete from customers where id = 1", failed: "42501"},
	} {
		if err := w.runWithPsql(ctx, s); err != nil {
			return err
		}
	}
	if err := w.runWithDriver(ctx); err != nil {
		return err
	}
	if err := w.tellOthers(ctx); err != nil {
		return err
	}
	if err := w.showTunnel(ctx); err != nil {
		return err
	}
	if err := w.showSSH(ctx); err != nil {
		return err
	}
	say("\nSecurity asks what Alice did:\n  $ sally audit search 'user:%s since:1h'", alice)
	out, err := w.sally.Run(ctx, nil, "audit", "search", "user:"+alice+" since:1h")
	if err != nil {
		return err
	}
	say("%s", indent(out))
	return nil
}

// runWithPsql runs a statement with psql through the native entrance, and shows what psql showed.
func (w *world) runWithPsql(ctx context.Context, s statement) error {
	say("  $ psql -h 127.0.0.1 -U '%s#%s' -c %q", alice, resource, s.text)
	out, err := w.psql(ctx, alice, s.text)
	say("%s", indent(out))
	switch {
	case err != nil && s.failed == "":
		return fmt.Errorf("run %q as %s: %w: %s", s.text, alice, err, out)
	case err == nil && s.failed != "":
		return fmt.Errorf("run %q as %s: PostgreSQL let it pass", s.text, alice)
	}
	w.done = append(w.done, s)
	return nil
}

// show runs a statement of alice's with a program, through the native entrance of a protocol, and shows it. The two %s
// among its arguments are host and port.
func (w *world) show(ctx context.Context, protocol string, s statement, name string, args ...string) error {
	host, port, err := w.sally.Native(protocol)
	if err != nil {
		return err
	}
	where := []string{host, port}
	for i, arg := range args {
		if strings.Contains(arg, "%s") {
			args[i], where = strings.Replace(arg, "%s", where[0], 1), where[1:]
		}
	}
	say("  $ %s %s", name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cleanEnv(), "MYSQL_PWD="+w.people[alice], "REDISCLI_AUTH="+w.people[alice])
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	say("%s", indent(string(out)))
	w.done = append(w.done, s)
	return nil
}

// psql runs a statement as a person through the native entrance and returns all that psql printed.
func (w *world) psql(ctx context.Context, person, statement string) (string, error) {
	host, port, err := w.sally.PostgresHostPort()
	if err != nil {
		return "", err
	}
	return psql(ctx, append(cleanEnv(), "PGHOST="+host, "PGPORT="+port, "PGUSER="+person+"#"+resource,
		"PGPASSWORD="+w.people[person], "PGDATABASE="+database, "PGSSLMODE=require"), "-c", statement)
}

func psql(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "psql", append([]string{"-X", "--pset=pager=off", "-v", "ON_ERROR_STOP=1"}, args...)...)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("run psql: %w", err)
	}
	return out.String(), nil
}

// cleanEnv is the environment without what would send psql elsewhere, and without the language, which ssh sends along and the record has.
func cleanEnv() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PG") && !strings.HasPrefix(entry, "LANG=") && !strings.HasPrefix(entry, "LC_") {
			env = append(env, entry)
		}
	}
	return env
}

// runWithDriver runs a prepared statement with bound parameters, as a program does.
func (w *world) runWithDriver(ctx context.Context) (err error) {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(alice+"#"+resource, w.people[alice]), Host: w.sally.Postgres,
		Path: "/" + database, RawQuery: "sslmode=disable&application_name=refund-tool"}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("connect with the Go driver: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	s := statement{
		text: "insert into refunds (order_id, amount_cents, reason) values ($1, $2, $3)", rows: 1,
		params: []string{"1204", strconv.Itoa(8900), "goodwill: dock arrived late"},
	}
	if _, err := conn.Exec(ctx, s.text, 1204, 8900, s.params[2]); err != nil {
		return fmt.Errorf("record a refund: %w", err)
	}
	say("  A program of hers, with the Go driver and bound parameters: %s", s.text)
	w.done = append(w.done, s)
	return nil
}

// invite says where to look and how to try it.
func (w *world) invite(ctx context.Context) error {
	link, err := w.signInLink(ctx)
	if err != nil {
		return err
	}
	host, port, err := w.sally.PostgresHostPort()
	if err != nil {
		return err
	}
	say("\nThe web UI is at http://%s. The first admin signs in by this link, once:\n  %s", w.sally.Web, link)
	say("Try it as Alice:\n  PGPASSWORD=%s psql -h %s -p %s -U '%s#%s' %s", w.people[alice], host, port, alice, resource, database)
	for _, other := range []struct{ protocol, command, resource string }{
		{"mysql", "MYSQL_PWD=%s mariadb -h %s -P %s -u '%s#%s'", cartsResource},
		{"redis", "REDISCLI_AUTH=%s redis-cli -h %s -p %s --user '%s#%s'", cacheResource},
	} {
		if host, port, err = w.sally.Native(other.protocol); err != nil {
			return err
		}
		say("  "+other.command, w.people[alice], host, port, alice, other.resource)
	}
	say("  XDG_CONFIG_HOME=%s %s ssh %s", w.aliceHome(), w.sally.Bin, webResource)
	say("See her statements as they happen:\n  %s audit tail --data-dir %s 'user:%s'", w.sally.Bin, w.sally.DataDir, alice)
	return nil
}

// serve waits until the person has seen enough.
func (w *world) serve(ctx context.Context) error {
	say("\nServing; Ctrl-C ends it. The data stays in %s.", w.dir)
	select {
	case <-ctx.Done():
		return nil
	case <-w.sally.Done():
		return fmt.Errorf("sally server ended; its log is %s", w.sally.LogFile)
	}
}

// signInLink makes a new one-time link for the first admin; the one that the server printed may be used up.
func (w *world) signInLink(ctx context.Context) (string, error) {
	out, err := w.admin(ctx, "", "sign-in-link", "admin", "-o", "json")
	if err != nil {
		return "", err
	}
	var link struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal([]byte(out), &link); err != nil || link.Path == "" {
		return "", fmt.Errorf("read the new sign-in link: %w", errors.Join(err, errors.New("no path in the answer")))
	}
	return "http://" + w.sally.Web + link.Path, nil
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
