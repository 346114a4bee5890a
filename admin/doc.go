// Package admin is the control plane: who exists, what they may open, and the HTTP API over it. Every change is in
// the record before it is made. Decisions on the connect path come from a snapshot in memory.
package admin
