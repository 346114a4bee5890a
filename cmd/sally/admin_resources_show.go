package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// resourceDetails is what `show` tells of a resource beside its row in the list.
func resourceDetails(ctx context.Context, c *apiClient, r access.Resource) (head, row []string, err error) {
	tell := func(name, value string) { head, row = append(head, name), append(row, value) }
	tell("GATEWAYS", joinList(r.Gateways))
	if r.Protocol != "ssh" {
		return head, row, nil
	}
	known, err := hostKeysOf(ctx, c, r.Name)
	if err != nil {
		return nil, nil, err
	}
	own := access.SSH{}
	if r.SSH != nil {
		own = *r.SSH
	}
	if len(known) == 0 {
		tell("HOST KEY", "none yet: the first that is seen will be pinned")
	}
	comments := keyComments(slices.Concat(own.HostKeys, own.HostCAs))
	for _, k := range known {
		name := "HOST KEY"
		if k.Authority {
			name = "HOST CA"
		}
		tell(name, strings.Join(slices.DeleteFunc([]string{k.Type, k.Fingerprint, comments[k.Fingerprint], k.origin()},
			func(word string) bool { return word == "" }), " "))
	}
	tell("ENV", environment(own.Env))
	tell("RECORDS", joinList(recorded(&own)))
	return head, row, nil
}

// environment names the variables that clients may set.
func environment(env []string) string {
	switch {
	case env == nil:
		return "LANG, LC_* (the default)"
	case len(env) == 0:
		return "none"
	}
	return joinList(env)
}

// recorded is what a server's recordings are of.
func recorded(s *access.SSH) []string {
	records := []string{"terminals", "shells without a terminal"}
	if s.RecordInput {
		records = append(records, "what is typed")
	}
	if s.RecordExec {
		records = append(records, "the output of commands")
	}
	if s.RecordExec && s.RecordInput {
		records = append(records, "their stdin")
	}
	return records
}

// serverKey is a key by which an SSH server is known, as the API tells it.
type serverKey struct {
	Fingerprint string    `json:"fingerprint"`
	Type        string    `json:"type"`
	Authority   bool      `json:"authority"`
	How         string    `json:"how"` // learned, given; empty where the record does not tell
	By          string    `json:"by"`
	Session     string    `json:"session"`
	At          time.Time `json:"at"`
}

func hostKeysOf(ctx context.Context, c *apiClient, resource string) ([]serverKey, error) {
	return all[serverKey](ctx, c, "/resources/"+escapeName(resource)+"/host-keys", nil)
}

// origin says how the key came to be known.
func (k *serverKey) origin() string {
	if k.How == "" {
		return ""
	}
	words := k.How + " " + localTime(k.At) + " by " + k.By
	if k.Session != "" {
		words += " in session " + k.Session
	}
	return "(" + words + ")"
}

// keyComments are the comments of public keys, by fingerprint.
func keyComments(keys []string) map[string]string {
	comments := map[string]string{}
	for _, line := range keys {
		if key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err == nil {
			comments[ssh.FingerprintSHA256(key)] = comment
		}
	}
	return comments
}
