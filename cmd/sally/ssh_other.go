//go:build !unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
)

// become runs a program and ends with its status. Ctrl-C is for the program.
func become(path string, args []string) error {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt)
	defer signal.Stop(caught)
	started := exec.Command(path, args[1:]...)
	started.Stdin, started.Stdout, started.Stderr = os.Stdin, os.Stdout, os.Stderr
	return started.Run()
}
