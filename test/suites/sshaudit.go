package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// auditLine is what ssh-audit says of one algorithm.
type auditLine struct {
	Algorithm string
	Notes     struct {
		Fail, Warn []string
	}
}

// runSSHAudit asks ssh-audit what it thinks of the server at the door, and logs in there.
func runSSHAudit(ctx context.Context, j *job) (map[string]result, error) {
	out, err := j.command(ctx, j.logs, filepath.Join(j.cache, "venv-ssh", "bin", "ssh-audit"), "-j", "-p", j.door.port, j.door.host)
	if err != nil {
		return nil, err
	}
	results, err := readSSHAudit(out)
	if err != nil {
		return nil, err
	}
	login := *j
	login.logs = filepath.Join(j.logs, "login")
	if err := os.MkdirAll(login.logs, 0o755); err != nil {
		return nil, fmt.Errorf("make output directory: %w", err)
	}
	out, err = login.command(ctx, j.logs, "ssh", "-F", j.door.config, resource, "echo in")
	results["ssh logs in"] = resultOf(strings.HasPrefix(string(out), "in\n"))
	return results, err
}

func resultOf(ok bool) result {
	if ok {
		return passed
	}
	return failed
}

// noQuantum is what it says of each key exchange that is not post-quantum. That there is one at all is a matter of which clients are let in.
const noQuantum = "does not provide protection against post-quantum attacks"

// readSSHAudit reads what ssh-audit prints with -j.
func readSSHAudit(out []byte) (map[string]result, error) {
	var report struct {
		Enc, Kex, Key, Mac []auditLine
		CVEs               []struct{ Name string }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return nil, fmt.Errorf("read what ssh-audit says: %w", err)
	}
	failures, warnings, quantum := 0, 0, 0
	for _, lines := range [][]auditLine{report.Enc, report.Kex, report.Key, report.Mac} {
		if len(lines) == 0 {
			return nil, errors.New("ssh-audit does not tell of all kinds of algorithms")
		}
		for _, l := range lines {
			failures += len(l.Notes.Fail)
			for _, note := range l.Notes.Warn {
				if note == noQuantum {
					quantum++
				} else {
					warnings++
				}
			}
		}
	}
	return map[string]result{"no failure": resultOf(failures == 0), "no warning": resultOf(warnings == 0),
		"no known weakness": resultOf(len(report.CVEs) == 0), "every key exchange is post-quantum": resultOf(quantum == 0)}, nil
}
