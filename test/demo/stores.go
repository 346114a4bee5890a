package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/test/servers"
)

const (
	cartsResource = "carts-db"
	cartsAccount  = "carts_app"
	cacheResource = "cache"
	cacheAccount  = "cache_app"
	webResource   = "web-1"
)

// stores are the MariaDB, the Redis and the SSH server of one run. They are filled anew each time, and nothing of them is kept.
type stores struct {
	dir       string
	mariadb   *servers.MariaDB
	redis     *servers.Redis
	sshd      *servers.SSHD
	passwords map[string]string // by account
}

func openStores(ctx context.Context) (_ *stores, err error) {
	s := &stores{passwords: map[string]string{cartsAccount: rand.Text(), cacheAccount: rand.Text()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "sally-demo-"); err != nil {
		return nil, fmt.Errorf("make directory for stores: %w", err)
	}
	if err := os.Chmod(s.dir, 0o711); err != nil { // MariaDB runs as a user of its own
		return nil, fmt.Errorf("open the directory for stores: %w", err)
	}
	if s.mariadb, err = servers.RunMariaDB(ctx, filepath.Join(s.dir, "mariadb"), servers.MariaDBOptions{}); err != nil {
		return nil, err
	}
	if s.redis, err = servers.RunRedis(ctx, filepath.Join(s.dir, "redis"), servers.RedisOptions{
		Users: []string{cacheAccount + " on >" + s.passwords[cacheAccount] + " ~* &* +@all -@dangerous"},
	}); err != nil {
		return nil, err
	}
	if s.sshd, err = servers.RunSSHD(ctx, filepath.Join(s.dir, "sshd"), servers.SSHDOptions{}); err != nil {
		return nil, err
	}
	return s, s.fill(ctx)
}

// fill makes the login that Sallyport will hold, and the sample data.
func (s *stores) fill(ctx context.Context) error {
	if err := s.mariadb.Database(ctx, "carts"); err != nil {
		return err
	}
	if err := s.mariadb.Account(ctx, servers.MariaDBAccount{
		Name: cartsAccount, Password: s.passwords[cartsAccount], Grant: "SELECT, INSERT, UPDATE ON carts.*",
	}); err != nil {
		return err
	}
	const sample = `USE carts;
CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, cart INT NOT NULL, item VARCHAR(80) NOT NULL, quantity INT NOT NULL);
INSERT INTO items (cart, item, quantity) SELECT seq DIV 3, ELT(1 + seq MOD 4, 'lamp', 'desk', 'dock', 'chair'), 1 + seq MOD 5 FROM seq_1_to_900;`
	if _, err := s.mariadb.Run(ctx, nil, sample); err != nil {
		return err
	}
	_, err := s.redis.Run(ctx, "MSET", "session:1204", "alice", "stock:lamp", "17", "stock:desk", "4")
	return err
}

func (s *stores) close() error {
	var errs []error
	if s.mariadb != nil {
		errs = append(errs, s.mariadb.Stop())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Stop())
	}
	if s.sshd != nil {
		errs = append(errs, s.sshd.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// placeStores tells Sallyport where they are in this run, and what opens them.
func (w *world) placeStores(ctx context.Context) error {
	verb := "set"
	if !w.notes.Ready {
		verb = "add"
		say("\nThe same with a MariaDB, a Redis and a server:")
	}
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{w.stores.passwords[cartsAccount], []string{"credentials", verb, "carts-app", "--username", cartsAccount, "--password-stdin"}},
		{w.stores.passwords[cacheAccount], []string{"credentials", verb, "cache-app", "--username", cacheAccount, "--password-stdin"}},
		{"", []string{"resources", verb, cartsResource, "--protocol", "mysql", "--address", w.stores.mariadb.Addr(), "--database", "carts",
			"--ssl-mode", "disable", "--account", cartsAccount + "=carts-app"}},
		{"", []string{"resources", verb, cacheResource, "--protocol", "redis", "--address", w.stores.redis.Addr(),
			"--ssl-mode", "disable", "--account", cacheAccount + "=cache-app"}},
		{"", []string{"credentials", verb, "web-login", "--key", w.stores.sshd.KeyFile}},
		{"", []string{"resources", verb, webResource, "--protocol", "ssh", "--address", w.stores.sshd.Addr(), "--host-key", w.stores.sshd.HostKey,
			"--account", w.stores.sshd.Account + "=web-login"}},
	} {
		if err := w.step(ctx, !w.notes.Ready, step.stdin, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// tellOthers shows the same of MariaDB and Redis.
func (w *world) tellOthers(ctx context.Context) error {
	say("\nShe uses mariadb and redis-cli just so:")
	carts := statement{resource: cartsResource, account: cartsAccount,
		text: "select item, sum(quantity) as wanted from items group by item order by item", rows: 4}
	if err := w.show(ctx, "mysql", carts, "mariadb", "--no-defaults", "--skip-ssl", "--table", "--host=%s", "--port=%s",
		"--user="+alice+"#"+cartsResource, "--execute="+carts.text); err != nil {
		return err
	}
	stock := statement{resource: cacheResource, account: cacheAccount, text: "GET stock:lamp", rows: 1}
	return w.show(ctx, "redis", stock, "redis-cli", "-h", "%s", "-p", "%s", "--user", alice+"#"+cacheResource, "--no-auth-warning",
		"GET", "stock:lamp")
}
