package ssh

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/test/servers"
)

// sftpPacket writes a packet of SFTP.
func sftpPacket(kind byte, rest []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(rest)))
	return append(append(b, kind), rest...)
}

// TestTransferThatEndsAtOnce ends the two directions of a transfer while something goes either way, and wants it to come to an end.
func TestTransferThatEndsAtOnce(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	c := g.connect(t)
	hello := sftpPacket(1, []byte{0, 0, 0, 3})
	denied := sftpPacket(13, append([]byte{0, 0, 0, 1}, ssh.Marshal(textRequest{"/never"})...))
	for _, flood := range []bool{false, true} {
		for range 4 {
			channel, requests, err := c.OpenChannel(channelSession, nil)
			if err != nil {
				t.Fatal(err)
			}
			go ssh.DiscardRequests(requests)
			if ok, err := channel.SendRequest(requestSubsystem, true, ssh.Marshal(textRequest{subsystemSFTP})); !ok || err != nil {
				t.Fatal(ok, err)
			}
			_, _ = channel.Write(hello)
			if flood {
				version := make([]byte, 4)
				if _, err := io.ReadFull(channel, version); err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = io.Copy(io.Discard, channel) }()
				_, _ = channel.Write(bytes.Repeat(denied, 200))
				_, _ = channel.Write([]byte{0, 0, 0, 0}) // which ends it
				_, _ = channel.Write(bytes.Repeat(denied, 200))
			}
			_ = channel.CloseWrite()
			_, _ = io.Copy(io.Discard, channel)
			_ = channel.Close()
		}
	}
}
