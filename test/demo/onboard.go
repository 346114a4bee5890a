package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	resource = "orders-db"
	database = "shop"
	account  = "orders_app" // PostgreSQL's login, whose password only Sallyport holds

	alice = "alice@acme.com" // an engineer
	bob   = "bob@acme.com"   // somebody without any role
	carol = "carol@acme.com" // an engineer who leaves
	robot = "release-robot"  // a service account, which comes by an SSH key
)

// onboard does what an admin does on the first day, by the same commands.
func (w *world) onboard(ctx context.Context) error {
	w.password = rand.Text()
	if err := w.fillPostgres(ctx, w.password); err != nil {
		return err
	}
	say("\nAn admin puts the shop's database behind Sallyport, and lets the engineers in:")
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{w.password, []string{"credentials", "add", "orders-app", "--username", account, "--password-stdin"}},
		{"", []string{"resources", "add", resource, "--protocol", "postgres", "--address", w.postgres.Addr(),
			"--database", database, "--ssl-mode", "disable", "--account", account + "=orders-app"}},
		{"", []string{"roles", "add", "engineer", "--resource", "*", "--account", "*"}},
		{"", []string{"users", "add", alice, "--role", "engineer"}},
		{"", []string{"users", "add", bob}},
		{"", []string{"users", "add", carol, "--role", "engineer"}},
		{"", []string{"users", "add", robot, "--service-account", "--role", "engineer"}},
	} {
		if err := w.step(ctx, true, step.stdin, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// step runs `sally admin ...`, and shows it.
func (w *world) step(ctx context.Context, shown bool, stdin string, args ...string) error {
	if shown {
		line := "sally admin " + strings.Join(args, " ")
		if stdin != "" {
			line += " < password"
		}
		say("  $ %s", line)
	}
	_, err := w.admin(ctx, stdin, args...)
	return err
}

// issueTokens makes an access token for each person; none is kept on disk.
func (w *world) issueTokens(ctx context.Context) error {
	for _, person := range []string{alice, bob, carol} {
		out, err := w.admin(ctx, "", "tokens", "add", person, "-o", "json")
		if err != nil {
			return err
		}
		var issued struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal([]byte(out), &issued); err != nil {
			return fmt.Errorf("read the new access token of %s: %w", person, err)
		}
		if issued.Token == "" {
			return fmt.Errorf("read the new access token of %s: there is none in the answer", person)
		}
		w.people[person] = issued.Token
	}
	return nil
}

// admin runs `sally admin ...` on the server's own machine.
func (w *world) admin(ctx context.Context, stdin string, args ...string) (string, error) {
	return w.sally.Run(ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
}

// say prints a line for the person who watches.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
