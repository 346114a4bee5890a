package main

import (
	"strings"
	"testing"
)

// What is wrong in a gateway's file is told by the names that stand in it.
func TestGatewayConfigurationRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"servers: []":                     "servers: name a control plane",
		"servers: [control.acme.com]":     "servers: ",
		"journal: {segment_bytes: 1}":     "journal.segment_bytes: must be at least",
		"journal: {witnesses: [{}]}":      "journal.witnesses[0]: give either file or webhook",
		"listen: {tunnel: nowhere}":       "listen.tunnel: want host:port",
		"offline_limit: -1s":              "offline_limit: must not be negative",
		"audit: {segment_bytes: 1048576}": "audit",
	} {
		if !strings.HasPrefix(text, "servers") {
			text += "\nservers: [https://control.acme.com:7444]"
		}
		c, err := loadGatewayConfig(writeConfig(t, text))
		if err == nil {
			err = c.validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}
