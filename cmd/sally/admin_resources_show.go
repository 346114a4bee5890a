package main

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// resourceDetails is what `show` tells of a resource beside its row in the list.
func resourceDetails(r access.Resource) (head, row []string) {
	head, row = []string{"GATEWAYS"}, []string{joinList(r.Gateways)}
	if r.Protocol != "ssh" {
		return head, row
	}
	own := access.SSH{}
	if r.SSH != nil {
		own = *r.SSH
	}
	keys := fingerprints(own.HostKeys)
	if len(own.HostKeys)+len(own.HostCAs) == 0 {
		keys = "none yet: the first that is seen will be pinned"
	}
	env := joinList(own.Env)
	switch {
	case own.Env == nil:
		env = "LANG, LC_* (the default)"
	case env == "":
		env = "none"
	}
	records := []string{"terminals", "shells without a terminal"}
	if own.RecordInput {
		records = append(records, "what is typed")
	}
	if own.RecordExec {
		records = append(records, "the output of commands")
	}
	return append(head, "HOST KEYS", "HOST CAS", "ENV", "RECORDS"), append(row, keys, fingerprints(own.HostCAs), env, joinList(records))
}

// fingerprints are those of public keys, as ssh-keygen -l shows them, with the keys' comments.
func fingerprints(keys []string) string {
	var words []string
	for _, line := range keys {
		key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			words = append(words, line)
			continue
		}
		words = append(words, strings.TrimSpace(key.Type()+" "+ssh.FingerprintSHA256(key)+" "+comment))
	}
	return strings.Join(words, ", ")
}
