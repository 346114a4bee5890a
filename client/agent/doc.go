// Package agent keeps a person's local ports open in the background: one process for each person and machine, which
// commands speak to by versioned JSON over HTTP on a socket that is theirs alone.
//
// Start finds the running agent or starts one; Client asks it; Run is the agent itself.
package agent
