// Package files tells what happens to files over SSH: it reads SFTP and the classic SCP protocol between a client and its
// server, in both directions, and turns them into operations on files that are judged and recorded one by one. It has no
// connection and no goroutine of its own, and knows neither policy nor journal: bytes go in, and what may pass comes out.
package files
