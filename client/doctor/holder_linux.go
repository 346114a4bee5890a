package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// holder names the program that listens on a loopback port, as far as this user may see it; else it is empty. The
// kernel lists sockets with their inodes in /proc/net/tcp (proc_pid_net(5)) and each process's below /proc/PID/fd.
func holder(port int) string {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	const listening = "0A"
	suffix, inode := fmt.Sprintf(":%04X", port), ""
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == listening {
			inode = fields[9]
		}
	}
	if inode == "" {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is right
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != "socket:["+inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			return "process " + pid
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
	}
	return "a program of another user"
}
