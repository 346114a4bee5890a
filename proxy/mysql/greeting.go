package mysql

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// DefaultNativeVersion is what clients are greeted with where the store is not known yet. Programs for MySQL ask by it for
// what MySQL 8.0 has.
const DefaultNativeVersion = "8.0.36-sallyport"

// protocolVersion is the only one that is spoken.
const protocolVersion = 10

// scrambleSize is that of the challenge in bytes, without the zero byte behind it.
const scrambleSize = 20

// Collations and status that a gateway greets with by itself.
const (
	charsetUTF8MB4   = 45 // utf8mb4_general_ci, which MySQL and MariaDB have both
	statusAutocommit = 0x0002
)

// Capabilities by what they are for.
const (
	// shaping capabilities change what packets look like, or which may come: client and store must agree on them.
	shaping = capProtocol41 | capSessionTrack | capDeprecateEOF | capQueryAttributes | capMultiStatements | capMultiResults |
		capPSMultiResults
	// passing capabilities are wishes of the client's, passed on to stores that have them.
	passing = capFoundRows | capLongFlag | capNoSchema | capODBC | capLocalFiles | capIgnoreSpace | capInteractive |
		capTransactions | capReserved
	// ours are for the handshake, which each side has for itself.
	ours = capLongPassword | capConnectWithDB | capSecureConnection | capPluginAuth | capPluginAuthLenEnc | capConnectAttrs |
		capIgnoreSigpipe
	// common is what all servers have that are in use, modern what came with MySQL 5.7 and MariaDB 10.2.
	common = ours | passing | shaping&^(modern|capQueryAttributes)
	modern = capSessionTrack | capDeprecateEOF
	// mariaShaping are MariaDB's extended capabilities that the relay follows.
	mariaShaping = mariaProgress | mariaBulk | mariaExtendedTypes | mariaCacheMetadata | mariaBulkUnitResult
)

// greeting is the first packet that a server sends (Protocol::HandshakeV10).
type greeting struct {
	version      string
	id           uint32
	scramble     []byte // without the zero byte behind it
	capabilities capability
	mariadb      capability // MariaDB's extended ones; 0 where the server says that it is MySQL
	charset      byte
	status       uint16
	plugin       string
}

// fromMariaDB says whether the version is one of MariaDB's. It announces itself as 5.5.5-10.11.6-MariaDB, or without the
// prefix since 11.0.
func (g *greeting) fromMariaDB() bool { return strings.Contains(strings.ToLower(g.version), "mariadb") }

// readGreeting reads a store's first packet. An ERR packet in its place is a *serverError.
func readGreeting(r io.Reader) (*greeting, error) {
	payload, err := readPacket(r, 0)
	if err != nil {
		return nil, err
	}
	return parseGreeting(payload)
}

func parseGreeting(payload []byte) (*greeting, error) {
	f := fields{b: payload}
	switch version := f.uint8(); {
	case f.bad:
		return nil, malformed("an empty greeting")
	case version == packetError:
		return nil, newServerError(payload)
	case version != protocolVersion:
		return nil, &codedError{number: numberUnreachable, sentence: "the store does not greet as MySQL or MariaDB does; is the resource's address right?",
			err: fmt.Errorf("protocol version %d", version)}
	}
	g := &greeting{version: f.text(), id: f.uint32()}
	g.scramble = append(g.scramble, f.bytes(8)...)
	f.uint8() // filler
	g.capabilities = capability(f.uint16())
	if f.bad || !g.capabilities.has(capProtocol41) || len(f.b) == 0 {
		return nil, &codedError{number: numberUnreachable, sentence: "the store is too old: it has to speak the protocol of MySQL 4.1",
			err: fmt.Errorf("greeting of %d bytes with capabilities %#x", len(payload), uint32(g.capabilities))}
	}
	g.charset, g.status = f.uint8(), f.uint16()
	g.capabilities |= capability(f.uint16()) << 16
	size := int(f.uint8())
	f.bytes(6)
	extended := capability(f.uint32())
	if !g.capabilities.has(capLongPassword) {
		g.mariadb = extended
	}
	if g.capabilities.has(capSecureConnection) {
		g.scramble = append(g.scramble, f.bytes(uint64(max(13, size-8)))...)
		g.scramble = g.scramble[:max(0, len(g.scramble)-1)] // its zero byte
	}
	if g.capabilities.has(capPluginAuth) {
		g.plugin = f.lastText()
	}
	if f.bad {
		return nil, malformed("a greeting of %d bytes", len(payload))
	}
	return g, nil
}

// packet is the greeting as a packet.
func (g *greeting) packet() []byte {
	payload := appendText([]byte{protocolVersion}, g.version)
	payload = binary.LittleEndian.AppendUint32(payload, g.id)
	payload = append(append(payload, g.scramble[:8]...), 0)
	payload = binary.LittleEndian.AppendUint16(payload, uint16(g.capabilities))
	payload = append(payload, g.charset)
	payload = binary.LittleEndian.AppendUint16(payload, g.status)
	payload = binary.LittleEndian.AppendUint16(payload, uint16(g.capabilities>>16))
	payload = append(payload, byte(len(g.scramble)+1), 0, 0, 0, 0, 0, 0)
	payload = binary.LittleEndian.AppendUint32(payload, uint32(g.mariadb))
	payload = append(append(payload, g.scramble[8:]...), 0)
	return appendPacket(nil, 0, appendText(payload, g.plugin))
}

// nativeGreeting is for clients whose store is not known yet: it promises what any store of that version has.
func (p *Protocol) nativeGreeting() *greeting {
	g := &greeting{version: p.nativeVersion, capabilities: common, charset: charsetUTF8MB4, status: statusAutocommit}
	g.plugin = g.defaultPlugin()
	if g.modern() {
		g.capabilities |= modern
	}
	return g
}

// defaultPlugin is what a server of that version begins with. Some clients cannot take another: MySQL's for Java reads
// caching_sha2_password amiss where the version says 5.5.5, as MariaDB's does.
func (g *greeting) defaultPlugin() string {
	if g.fromMariaDB() || g.plugin == pluginNative {
		return pluginNative
	}
	return pluginCachingSHA2
}

// modern says whether the version is at least MySQL 5.7 or MariaDB 10.2.
func (g *greeting) modern() bool {
	version := g.version
	if g.fromMariaDB() {
		version = strings.TrimPrefix(version, "5.5.5-") // for old programs that could not read a two-digit version
	}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	if g.fromMariaDB() {
		return major > 10 || major == 10 && minor >= 2
	}
	return major > 5 || major == 5 && minor >= 7
}

// mirrored is a greeting like the store's, with no more than the relay can follow.
func (g *greeting) mirrored() *greeting {
	m := &greeting{version: g.version, charset: g.charset, status: g.status, plugin: g.defaultPlugin(),
		capabilities: ours | g.capabilities&(shaping|passing)}
	if !g.capabilities.has(capLongPassword) {
		m.capabilities &^= capLongPassword
		m.mariadb = g.mariadb & mariaShaping
	}
	return m
}

// newScramble makes a challenge. It has no zero byte, which ends it for clients, and no $, which ends the salt of some
// plugins.
func newScramble() []byte {
	b := make([]byte, scrambleSize)
	_, _ = rand.Read(b) // it never fails
	for i := range b {
		b[i] &= 0x7f
		if b[i] == 0 || b[i] == '$' {
			b[i]++
		}
	}
	return b
}
